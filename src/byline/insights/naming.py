"""What was typed -> what is kept of it: the same for all ways to type it, and nothing that looks like a person's."""

import re
import unicodedata

from byline.insights.models import UNNAMED

LONGEST = 200  # characters

_PERSONAL = re.compile(
    r"\S@\S"  # e-mail addresses and handles
    r"|(?:\d[\s().,:;/+_-]*){7}"  # telephone, card and account numbers; dates with them
    r"|(?=[!-~]*\d)[!-~]{20,}"  # keys and tokens, pasted by mistake
)


def name(typed: str) -> str:
    """`UNNAMED` where it looks personal, or is longer than a question is."""
    folded = " ".join(unicodedata.normalize("NFKC", typed).casefold().split())
    return UNNAMED if len(folded) > LONGEST or _PERSONAL.search(folded) else folded
