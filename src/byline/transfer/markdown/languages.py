"""Languages as sites name them: in front matter, in folders, and in endings such as `post.fr.md`."""

import re

ISO_639_1 = frozenset(
    """aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en
    eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv ka
    kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl
    nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg sh si sk sl sm sn so sq sr ss st su sv
    sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu""".split()
)
TAG = re.compile(r"([a-z]{2,3})(?:[-_]([a-z]{4}))?(?:[-_]([a-z]{2}|\d{3}))?", re.IGNORECASE)


def language_tag(text: str) -> str | None:
    """A language with its script and region as BCP 47 writes them (`pt_br` is `pt-BR`), if ISO 639-1 has it."""
    found = TAG.fullmatch(text.split(".")[0].strip())  # as in the locale en_US.UTF-8
    if not found or found[1].lower() not in ISO_639_1:
        return None
    language, script, region = found[1].lower(), found[2] and found[2].title(), found[3] and found[3].upper()
    return "-".join(part for part in (language, script, region) if part)
