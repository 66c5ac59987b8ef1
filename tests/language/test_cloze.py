import math
import random

import pytest

from jaxdl.core.run import BadInput
from jaxdl.language import cloze, corpus, detokenize, tokenizers

STORY = [
    "Anna went to the river with a basket of apples.",
    "The river was cold, and Peter would not swim.",
    '"Come here!" cried Anna to the others.',
    "Peter looked at the basket and laughed loudly.",
    "They carried it home, where Oliver waited for the apples.",
    "Then Anna gave Peter the basket.",
]


def test_sentences_end_where_the_next_one_begins():
    text = 'He left. She (Dr. Who) stayed!\n"Why?" "No." Then it cost 3.5 points. \n\nno more'
    assert cloze.sentences(text) == [
        "He left.",
        "She (Dr.",  # abbreviations are not known
        "Who) stayed!",
        '"Why?"',
        '"No."',
        "Then it cost 3.5 points.",
        "no more",
    ]


def test_the_last_word_is_left_out_where_it_occurs_before():
    (made,) = cloze.last_words([" ".join(STORY)], least=40)
    assert made.target == "basket"
    assert made.context == " ".join(STORY).removesuffix(" basket.")
    assert cloze.last_words([" ".join(STORY[:-1]) + " Then all was dark."], least=40) == []
    assert cloze.last_words([" ".join(STORY[:-1]) + " Then Anna went with it."], least=40) == []
    assert cloze.last_words([" ".join(STORY)], least=60) == []
    assert cloze.last_words([]) == []


def test_passages_are_short_do_not_overlap_and_are_drawn_evenly():
    words = [f"w{'abcdefghij'[i]}x" for i in range(10)]
    rng = random.Random(0)
    lines = [f"The {' '.join(rng.choices(words, k=9))}." for _ in range(200)]
    text = " ".join(lines)
    made = cloze.last_words([text], least=20, longest=40)
    assert len(made) > 20
    end = 0
    for one in made:
        whole = f"{one.context} {one.target}"
        place = text.index(whole)
        assert place >= end
        end = place + len(whole)
        assert len(cloze.WORD.findall(one.context)) < 50
        assert one.target in one.context
    assert cloze.last_words([text], least=20, longest=40, most=4) == [
        made[i * len(made) // 4] for i in range(4)
    ]


def test_names_have_a_capital_wherever_they_stand():
    parts = [
        "Then Anna came.",
        "We saw May and Anna.",
        "It may be Peter.",
        "Oliver ran.",
        "We did.",
    ]
    assert cloze._names(parts) == {"Anna", "Peter"}


@pytest.mark.parametrize("kind", cloze.KINDS)
def test_one_of_ten_candidates_of_a_kind_is_right(kind):
    names = [f"Name{letter}" for letter in "abcdefghijkl"]
    nouns = [f"noun{letter}" for letter in "abcdefghijkl"]
    lines = [f"They saw {names[i * 5 % 12]} with a {nouns[i * 7 % 12]} now." for i in range(210)]
    made = cloze.choices([" ".join(lines)], kind, seed=2)
    assert len(made) == 10
    for one in made:
        assert len(set(one.candidates)) == 10
        answer = one.candidates[one.answer]
        whole = one.question.replace(cloze.BLANK, answer)
        assert whole in lines and one.question.count(cloze.BLANK) == 1
        assert answer in one.context
        assert len(cloze.sentences(one.context)) == 20
        for word in one.candidates:
            assert word in f"{one.context} {whole}"
            assert word.startswith("Name") == (kind == "names")
    assert cloze.choices([" ".join(lines)], kind, seed=2) == made
    assert len({one.answer for one in made}) > 3
    assert cloze.choices([" ".join(lines)], kind, seed=2, most=3)[1] == made[3]
    with pytest.raises(BadInput, match="should be names or nouns"):
        cloze.choices([], "verbs")


def test_questions_are_made_of_held_out_documentation():
    tokenizer = tokenizers.raw_bytes()
    held_out = corpus.open_corpus("topics", tokenizer).held_out
    texts = [tokenizer.decode(corpus.document(held_out, i)[1:]) for i in range(len(held_out.shard))]
    assert len(cloze.last_words(texts)) >= 10
    assert len(cloze.choices(texts, "nouns")) >= 3


WIKI = {
    "a guest @-@ starring role": "a guest-starring role",
    "1 @,@ 234 @.@ 5 men": "1,234.5 men",
    "Teddy 's Story , he does n't , they 've": "Teddy's Story, he doesn't, they've",
    "( in 1999 ) , [ sic ] .": "(in 1999), [sic].",
    'the " Craig " of " The Bill " .': 'the "Craig" of "The Bill".',
    "It cost $ 5 million ; why ? 5 % did : so !": "It cost $5 million; why? 5% did: so!",
    " = Robert <unk> = ": "= Robert <unk> =",
    " = = Life and work = = ": "== Life and work ==",
    "x = 3 and y": "x = 3 and y",
    "": "",
}


@pytest.mark.parametrize("split_up", WIKI)
def test_wikitext_is_put_together_again(split_up):
    assert detokenize.detokenize_wikitext(split_up) == WIKI[split_up]


def test_words_are_counted_as_before():
    text = " \n = A = \n \n b c . \n"
    assert detokenize.wikitext_words(text) == 3 + 3 + 4
    assert detokenize.word_perplexity(10 * math.log(7), 10) == pytest.approx(7)


def test_wikitext_2_has_the_published_number_of_words(real_data):
    text = (real_data / "language/wikitext-2/wiki.test.tokens").read_text(encoding="utf-8")
    assert detokenize.wikitext_words(text) == 245_569
    joined = detokenize.detokenize_wikitext(text)
    assert not any(mark in joined for mark in (" @-@ ", " @,@ ", " @.@ ", " , ", " n't "))
    assert joined.count("\n") == text.count("\n")
    letters = [x for x in text if x.isalnum()]
    assert [x for x in joined if x.isalnum()] == letters
