"""Where the shops are notified."""
import http.server
import json
import threading

HEARD_WITHIN = 15


class Ear:
    """Takes every notification and keeps it."""

    ADDRESS = ("127.0.0.1", 9080)  # as in orders.json

    def __init__(self):
        self.told, self.news = [], threading.Condition()
        told, news = self.told, self.news

        class Taken(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                with news:
                    told.append(json.loads(body))
                    news.notify_all()
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(self.ADDRESS, Taken)
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def heard(self, invoice, enough):
        """The bodies of an invoice, in their order, as soon as they are `enough`, or after some seconds."""
        def bodies():
            return [body for body in self.told if body.get("id") == invoice]

        with self.news:
            self.news.wait_for(lambda: enough(bodies()), timeout=HEARD_WITHIN)
            return bodies()
