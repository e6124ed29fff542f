"""No measured number is typed into prose: it is generated, or it says where it comes from.

A decimal number, or a number with a unit of measurement, stands in prose only if its sentence or table row cites a
publication, if it is in quotation marks, if the paper prints it, or if `permitted_numbers.yml` says what it is.
"""

import json
import re

import pytest
import yaml
from conftest import ROOT

from brats_lib import paper

# What a permitted phrase may be: fixed by a standard, a recipe or arithmetic; printed by the paper; said by whoever
# provides data or software.
REASONS = {"definition", "paper", "provider"}

# Directives whose content is no prose.
CODE = {"{include}", "{bibliography}", "{toctree}", "{math}", "{eval-rst}"}
_UNITS = r"""% | ‰ | ° | dB | [cmkµ]?m(?:²|³)? | [mµ]?[lL] | ms | min | [kMGT]i?B | [kMG]?Hz | seconds? | minutes? |
    hours? | days? | weeks? | years? | per\ ?cent | percentage\ points? | (?:kilo|mega|giga|tera)bytes? |
    millimet(?:re|er)s? | millilit(?:re|er)s? | times\ (?:as|more|fewer|faster|slower|larger|smaller)"""
_WORDS = """(?i: one | two | three | four | five | six | seven | eight | nine | ten | eleven | twelve | fifteen |
    sixteen | twenty | thirty | forty | fifty | sixty | seventy | eighty | ninety | hundred )"""
NUMBER = re.compile(
    rf"""(?<![\w.,]) (?: \d[\d,]*\.\d+ | \.\d+ | (?:\d[\d,]*|{_WORDS}) (?=[ -]?(?:{_UNITS})(?![\w/])) |
    \d[\d,]* (?=\ [sh]\b) ) (?: [ -]? (?:{_UNITS}) (?![\w/]) | \ [sh]\b )?""",
    re.VERBOSE,
)
_DOTTED = r"\d+(?:\.\d+)*"
# What is no prose: options of directives, mathematics, code that names something, targets of links, identifiers of
# publications, numbers of sections, versions and licences, quotations.
_NOT_PROSE = [
    re.compile(pattern, re.MULTILINE | re.DOTALL)
    for pattern in (
        r"^ *:[\w-]+:[^\n]*$",
        r"\$\$.*?\$\$",
        r"\$[^$\n]+\$",
        r"`[^`\n]*[A-Za-z_/={][^`\n]*`",
        r"(?<=\])\([^)\s]+\)",
        r"https?://\S+|\b10\.\d{4}/\S+|arXiv[: ]\d+\.\d+",
        rf"\b(?:[Ss]ections?|Python|Keras|TensorFlow|CC BY(?:-SA)?) {_DOTTED}(?:(?:, | and | to | or |-){_DOTTED})*",
        r"\b\d\.\d\.\d+\b",
        r'"[^"\n]*"|“[^”\n]*”',
    )
]


def permitted():
    """Phrases that may stand in prose, by why."""
    return yaml.safe_load((ROOT / "tests" / "permitted_numbers.yml").read_text())


def pages():
    """Path and prose of every page and notebook, captions included."""
    for pattern in ("book/*.md", "book/teach/*.md", "*.md", "data/*.md"):
        for path in sorted(ROOT.glob(pattern)):
            yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
    for path in (*sorted(ROOT.glob("notebooks/**/*.ipynb")), ROOT / "book/teach/slides.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
        texts += [cell["metadata"].get("mystnb", {}).get("figure", {}).get("caption", "") for cell in cells]
        yield path.relative_to(ROOT).as_posix(), "\n\n".join(texts)


def sentences(text):
    """Sentences, and rows of tables, whatever the lines of a file are."""
    for part in re.split(r"\n\s*\n|\n(?=\s*(?:[|*:#-]|\d+\.)\s?)", text):
        if part.lstrip().startswith("|"):
            yield part
        else:
            yield from re.split(r"(?<=[.!?])\s+(?=[A-Z*`\[_])", part.replace("\n", " "))


def without_code(text):
    """Text without what stands between fences, unless a directive reads it as prose."""
    kept, fences = [], []
    for line in text.splitlines():
        fence = re.match(r"\s*(`{3,}|:{3,})\s*(\{?[\w-]*\}?)", line)
        in_code = bool(fences) and fences[-1][1]
        if fence and fences and fence[1] == fences[-1][0] and not fence[2]:
            fences.pop()
        elif fence and not in_code:
            fences.append((fence[1], fence[1][0] == "`" and (fence[2][:1] != "{" or fence[2] in CODE)))
            kept.append(line[fence.end() :])
        elif not in_code:
            kept.append(line)
    return "\n".join(kept)


def typed_numbers(text, allowed=()):
    """Numbers in prose that nothing vouches for."""
    found, text = [], without_code(text)
    # A citation has to be seen after code is gone.
    text = re.sub(r"\{cite(?::\w+)?\}`[^`]*`", "[CITED]", text)
    for pattern in _NOT_PROSE:
        text = pattern.sub(" ", text)
    for sentence in sentences(text):
        if "[CITED]" in sentence:
            continue
        for phrase in allowed:
            sentence = re.sub(rf"(?<![\w.]){re.escape(phrase)}(?!\w)", " ", sentence)
        found += [match.group() for match in NUMBER.finditer(sentence)]
    return found


def printed_by_the_paper():
    """Results of the paper, as printed."""
    results = paper.values().query("kind == 'result'")["printed"]
    return {number for text in results for number in re.findall(r"\d+\.\d+", text)}


@pytest.mark.parametrize(("path", "text"), list(pages()), ids=[path for path, _ in pages()])
def test_no_measured_number_is_typed_into_prose(path, text):
    phrases = sorted((phrase for group in permitted().values() for phrase in group), key=len, reverse=True)
    vouched = printed_by_the_paper()
    found = [number for number in typed_numbers(text, phrases) if re.sub(r"[ %]", "", number) not in vouched]
    assert not found, f"generate these, delete them, or say in permitted_numbers.yml what they are: {found}"


def test_permitted_phrases_are_needed_hold_a_number_and_have_a_reason():
    prose = "\n".join(text for _, text in pages())
    # As a sentence is read: over the ends of lines.
    prose = re.sub(r"\s+", " ", prose)
    for reason, phrases in permitted().items():
        assert reason in REASONS
        assert len(phrases) == len(set(phrases))
        for phrase in phrases:
            assert typed_numbers(phrase), f"'{phrase}' needs no permission"
            assert phrase in prose, f"'{phrase}' stands nowhere any more"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Dice rose to .84, in 26 minutes or 1,5 s.", [".84", "26 minutes", "1,5 s"]),
        ("It takes five minutes and 12 %, at 31.7 dB.", ["five minutes", "12 %", "31.7 dB"]),
        ("It is three times as fast, 16-bit.", ["three times as"]),
        ("Dice 0.88 {cite}`ragab_preprint`. Ours is 0.91.", ["0.91"]),
        ("| Ours | 0.83 |\n| Theirs | 0.82 | {cite}`isensee2020` |", ["0.83"]),
        ('"e.g., 0.88" in sections 3.1, 3.2 and 4.1, and 3.6.1', []),
        ("```python\nx = 0.83\n```\n`rate=0.2`, $0.5$, [0.7](page_0.9.md), arXiv:2107.02314", ["0.7"]),
        ("```{note} At 0.81\nIt was `0.83`.\n```\n```bash\na 0.8\n```\nThen 0.84", ["0.81", "0.83", "0.84"]),
        ("It was 0.83\nin both. 26 patients, 3 seeds, 240 × 240 voxels, T1 at 2 T1ce, 8 of them", ["0.83"]),
    ],
)  # fmt: skip
def test_numbers_are_found_where_nothing_vouches_for_them(text, found):
    assert typed_numbers(text) == found
