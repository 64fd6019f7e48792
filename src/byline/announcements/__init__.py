"""Telling search engines (IndexNow) and hubs of feed readers (WebSub) what readers see anew, or no more."""
