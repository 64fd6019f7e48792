"""What is remembered of what clients send."""

from byline.core.remembered import SHORT, remembered


def test_the_same_short_text_is_looked_at_once() -> None:
    seen: list[str] = []

    @remembered
    def length(text: str) -> int:
        seen.append(text)
        return len(text)

    assert [length("gzip"), length("gzip"), length("br")] == [4, 4, 2]
    assert seen == ["gzip", "br"]


def test_a_long_one_leaves_nothing_behind() -> None:
    seen: list[int] = []

    @remembered
    def length(text: bytes) -> int:
        seen.append(len(text))
        return len(text)

    for _ in range(2):
        assert length(b"x" * SHORT) == SHORT
        assert length(b"x" * (SHORT + 1)) == SHORT + 1
    assert seen == [SHORT, SHORT + 1, SHORT + 1]
