"""Folders of Markdown as Jekyll, Hugo, Zola and Docusaurus keep them, read into documents. No database here."""
