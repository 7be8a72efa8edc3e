"""The simulator against Microsoft's clients for Node, unchanged; each file runs under Node's own test runner."""

import http.server
import json
import os
import pathlib
import subprocess
import threading
import unittest
import urllib.parse

from lab import Browser, Lab

HERE = pathlib.Path(__file__).resolve().parent
REDIRECT = "https://localhost:4443/authorize"


class Node(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab()
        authority = cls.lab.certificate("authority")
        made = cls.lab.certificate("registered", signed_by=authority)
        application = [*cls.lab.app["application"], "Mail.ReadWrite"]
        cls.lab.change_app(certificates=[made.public_pem()], application=application)
        cls.person = Person(cls.lab)
        told = ("login", "graph", "control", "tenant", "client", "secret", "user", "password", "authority")
        cls.told = {name: getattr(cls.lab, name) for name in told}
        files = {"key": made.key, "pem": made.pem, "both": made.both}
        cls.told.update({name: str(file) for name, file in files.items()}, signIn=cls.person.address)

    @classmethod
    def tearDownClass(cls):
        cls.person.stop()
        cls.lab.stop()

    def run_file(self, name):
        env = {**os.environ, "PEERS_LAB": json.dumps(self.told), "NODE_EXTRA_CA_CERTS": str(self.lab.ca)}
        node = pathlib.Path(os.environ["PEERS_NODE"])
        command = ["node", "--test", "--test-reporter=spec", str(node / name)]
        done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=180)
        self.assertEqual(done.returncode, 0, f"{done.stdout}\n{done.stderr}")
        self.assertRegex(done.stdout, r"pass [1-9]")

    def test_msal_node(self):
        self.run_file("msal-node.test.mjs")

    def test_azure_identity_and_graph_client(self):
        self.run_file("identity-and-graph.test.mjs")


class Person:
    """Signs in on the pages where a client of Node asks for it: POST uri (and code); answers what came back."""

    def __init__(self, lab):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers["content-length"])
                asked = dict(urllib.parse.parse_qsl(self.rfile.read(length).decode()))
                browser = Browser(lab, REDIRECT).open(asked["uri"])
                if "code" in asked:
                    browser.press("Next", code=asked["code"])
                browser.press("Sign in", email=lab.user, password=lab.password)
                body = json.dumps(browser.answer).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


if __name__ == "__main__":
    unittest.main()
