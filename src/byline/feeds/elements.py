"""XML by the names that stand in it: prefixes are written out, and the root declares them."""

from xml.etree.ElementTree import Element, SubElement, tostring

from byline.core.text import printable


def add(parent: Element, name: str, text: str = "", **attributes: str) -> Element:
    """A new last child. Characters that XML 1.0 has no place for become U+FFFD."""
    child = SubElement(parent, name, {key: printable(value) for key, value in attributes.items()})
    child.text = printable(text)
    return child


def document(root: Element) -> bytes:
    written: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return written
