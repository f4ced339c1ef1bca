"""A real mail server for tests and for the demo: takes mail over SMTP, shows it over HTTP.

Run by the lab with Debian's python3 (package python3-aiosmtpd). Listens on two free loopback
ports and says which in one line of JSON. Keeps mail in memory; delivers to nobody.

  GET  /                          the mailbox as a page
  GET  /messages[?to=ADDRESS]     the mail as JSON, newest last
  POST /refuse {"refuse": true}   refuse every mail from now on, as a full server does
  POST /forget                    empty the mailbox
"""

import asyncio
import email
import email.policy
import json
import signal
import sys
import threading
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from aiosmtpd.smtp import SMTP

PAGE = Path(__file__).with_name("mailbox.html").read_text(encoding="utf-8")
LARGEST_REQUEST = 1024


class Mailbox:
    """The mail that came in. Shared between the SMTP loop and the HTTP threads."""

    def __init__(self):
        self._lock = threading.Lock()
        self._messages = []
        self._refuse = False

    def refuse(self, refuse):
        with self._lock:
            self._refuse = refuse

    def forget(self):
        with self._lock:
            self._messages.clear()

    def messages(self, to=None):
        with self._lock:
            return [m for m in self._messages if to is None or m["to"].lower() == to.lower()]

    async def handle_DATA(self, _server, _session, envelope):
        """Called by aiosmtpd for each mail."""
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        received = {
            "from": str(mail["from"] or envelope.mail_from),
            "subject": str(mail["subject"] or ""),
            "text": part(mail, "plain"),
            "html": part(mail, "html"),
            "headers": {name.lower(): str(value) for name, value in mail.items()},
            "received_at": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
        }
        with self._lock:
            if self._refuse:
                return "452 4.2.2 The mailbox is full"
            for to in envelope.rcpt_tos:
                self._messages.append({"id": len(self._messages) + 1, "to": to, **received})
        return "250 2.0.0 Taken"


def part(mail, kind):
    body = mail.get_body(preferencelist=(kind,))
    return body.get_content() if body is not None else ""


class Pages(BaseHTTPRequestHandler):
    """The HTTP side."""

    mailbox = None
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urlsplit(self.path)
        if url.path == "/":
            self.answer(200, "text/html; charset=utf-8", PAGE)
        elif url.path == "/messages":
            to = parse_qs(url.query).get("to", [None])[0]
            self.answer(200, "application/json", json.dumps(self.mailbox.messages(to)))
        else:
            self.answer(404, "text/plain; charset=utf-8", "There is no such page.\n")

    def do_POST(self):
        length = min(int(self.headers.get("content-length", 0)), LARGEST_REQUEST)
        body = self.rfile.read(length)
        if self.path == "/refuse":
            self.mailbox.refuse(bool(json.loads(body)["refuse"]))
            self.answer(200, "application/json", "{}")
        elif self.path == "/forget":
            self.mailbox.forget()
            self.answer(200, "application/json", "{}")
        else:
            self.answer(404, "text/plain; charset=utf-8", "There is no such page.\n")

    def answer(self, status, kind, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.send_header("cache-control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Says nothing: a request is not worth a line."""


async def main():
    mailbox = Mailbox()
    Pages.mailbox = mailbox
    loop = asyncio.get_running_loop()
    smtp = await loop.create_server(
        lambda: SMTP(mailbox, hostname="mailbox.example", loop=loop), "127.0.0.1", 0
    )
    pages = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=pages.serve_forever, daemon=True).start()
    ready = {"smtp": smtp.sockets[0].getsockname()[1], "http": pages.server_address[1]}
    print(json.dumps(ready), flush=True)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    await ended.wait()


if __name__ == "__main__":
    asyncio.run(main())
    sys.exit(0)
