from html import escape

from byline.core.mail import Mail, one_line
from byline.core.settings import Settings
from byline.webhooks.models import Webhook


def disabled(settings: Settings, webhook: Webhook, *, to: str) -> Mail:
    paragraphs = [
        f"{one_line(settings.site_title)} sends nothing any more to {webhook.url}: {webhook.disabled_reason}.",
        f"What waits for it is kept. Once the receiver works, enable it: PATCH /v1/manage/webhooks/{webhook.id} with "
        '{"enabled": true}.',
    ]
    html = "\n".join(f"<p>{escape(paragraph)}</p>" for paragraph in paragraphs)
    subject = f"A webhook of {one_line(settings.site_title)} was disabled"
    text = "\n\n".join(paragraphs) + "\n"
    return Mail(to=to, subject=subject, text=text, html=html, reference=f"{webhook.id}.{webhook.version}")
