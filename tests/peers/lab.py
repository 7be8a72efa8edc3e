"""A running simulator for the tests of this folder, and a browser without scripts.

It runs the program `m365-sim` as anyone would: it knows the control port and the pages, no code of the project.
"""

import base64
import html.parser
import json
import os
import pathlib
import re
import ssl
import subprocess
import tempfile
import urllib.parse
import urllib.request

import requests

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug"
# Under Microsoft's own host names, in a network namespace where they lead here (see run).
OWN_NAMES = os.environ.get("PEERS_NAMES") == "microsoft"
# Trust and proxies of the surroundings must not reach the clients.
FOREIGN = ("SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
for name in [*FOREIGN, "HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy", "ALL_PROXY"]:
    os.environ.pop(name, None)


class Lab:
    """One simulator with the demo tenant, a temporary folder, and certificates made by openssl."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="peers-"))
        self.ca = self.folder / "ca.pem"
        listen = ["127.0.0.1:443", "127.0.0.1:587"] if OWN_NAMES else ["127.0.0.1:0", "127.0.0.1:0"]
        command = [PROGRAMS / "m365-sim", "--listen", listen[0], "--smtp", listen[1]]
        command += ["--control", "127.0.0.1:0", "--ca-out", self.ca]
        env = {**os.environ, "RUST_LOG": "warn"}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
        said = dict(self._line() for _ in range(4))
        local = said["Entra and Graph"]
        self.login = "https://login.microsoftonline.com" if OWN_NAMES else local
        self.graph = "https://graph.microsoft.com" if OWN_NAMES else local
        self.smtp = "smtp.office365.com:587" if OWN_NAMES else said["SMTP AUTH"]
        self.control = said["control"]
        world = self.get("/world")
        self.tenant = world["tenant"]["id"]
        self.app = world["apps"][0]
        self.client = self.app["client_id"]
        self.secret = self.app["secrets"][0]["value"]
        self.user, self.password = world["users"][0]["upn"], world["users"][0]["password"]
        self.authority = f"{self.login}/{self.tenant}"

    def _line(self):
        name, value = re.split(r"  +|(?<=control) +|(?<=tenant) ", self.process.stdout.readline().strip(), maxsplit=1)
        return name, value

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=10)
        self.process.stdout.close()

    def get(self, path):
        with urllib.request.urlopen(self.control + path) as answer:
            return json.load(answer)

    def put(self, path, change):
        request = urllib.request.Request(self.control + path, json.dumps(change).encode(), method="PUT")
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def post(self, path, change):
        request = urllib.request.Request(self.control + path, json.dumps(change).encode(), method="POST")
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def change_app(self, **change):
        return self.put(f"/apps/{self.client}", change)

    def switch(self, **change):
        self.put("/switches", change)

    def all_switches_back(self):
        switches = self.get("/switches")
        self.switch(**{one["name"]: one["default"] for one in switches if one["kind"] == "switch"})

    def mail(self, address):
        return self.get(f"/mailboxes/{urllib.parse.quote(address)}/messages")

    def certificate(self, name, *, signed_by=None):
        return Certificate(self.folder, name, signed_by)


class Certificate:
    """An RSA certificate by openssl: PEM and PFX with their password, its thumbprint."""

    password = "pass word"

    def __init__(self, folder, name, signed_by=None, names=()):
        self.key, self.pem = folder / f"{name}.key", folder / f"{name}.pem"
        self.pfx, self.both = folder / f"{name}.pfx", folder / f"{name}-both.pem"
        new = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", f"/CN={name}"]
        if names:
            new += ["-addext", "subjectAltName=" + ",".join(one if ":" in one else f"DNS:{one}" for one in names)]
            new += ["-addext", "basicConstraints=critical,CA:FALSE"]
        chain = [] if signed_by is None else ["-CA", signed_by.pem, "-CAkey", signed_by.key]
        openssl(*new, *chain, "-keyout", self.key, "-out", self.pem)
        more = [] if signed_by is None else ["-certfile", signed_by.pem]
        given = ["-passout", f"pass:{self.password}"]
        openssl("pkcs12", "-export", "-inkey", self.key, "-in", self.pem, *more, *given, "-out", self.pfx)
        parts = [self.key, self.pem] + ([] if signed_by is None else [signed_by.pem])
        self.both.write_text("".join(part.read_text() for part in parts))
        shown = openssl("x509", "-in", self.pem, "-noout", "-fingerprint", "-sha1")
        self.thumbprint = shown.split("=")[1].strip().replace(":", "")

    def public_pem(self):
        return self.pem.read_text()

    def der_base64(self):
        """What stands between the lines of the PEM, in one line."""
        return "".join(line for line in self.public_pem().splitlines() if not line.startswith("-----"))


def trusting(ca):
    """TLS that trusts this authority alone."""
    return ssl.create_default_context(cafile=str(ca))


def openssl(*arguments):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]}: {done.stderr}")
    return done.stdout


def claims(token):
    """The claims of a JWT, unverified."""
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


class Form(html.parser.HTMLParser):
    """The first form of a page: its address, fields and buttons."""

    def __init__(self, text):
        super().__init__()
        self.action, self.fields, self.buttons = None, {}, {}
        self._button, self._seen = None, 0
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "form":
            self._seen += 1
            self.action = given.get("action") if self._seen == 1 else self.action
        if self._seen == 1 and tag == "input" and given.get("name"):
            self.fields[given["name"]] = given.get("value") or ""
        if tag == "button":
            self._button = given

    def handle_data(self, data):
        if self._button is not None and data.strip():
            self.buttons[data.strip()] = self._button
            self._button = None


class Browser:
    """Follows redirects until they leave for `callback`, and presses buttons."""

    def __init__(self, lab, callback):
        self.http, self.callback = requests.Session(), callback
        self.http.verify, self.http.trust_env = str(lab.ca) if lab else True, False
        self.page, self.url, self.answer = None, None, None

    def open(self, url):
        return self._take(self.http.get(url, allow_redirects=False))

    def press(self, button, **typed):
        form = Form(self.page)
        fields = {**form.fields, **typed}
        pressed = form.buttons[button]
        if pressed.get("name"):
            fields[pressed["name"]] = pressed.get("value", "")
        target = urllib.parse.urljoin(self.url, form.action)
        if target.startswith(self.callback):
            self.answer = fields
            return self
        return self._take(self.http.post(target, data=fields, allow_redirects=False))

    def _take(self, answer):
        while answer.is_redirect:
            target = urllib.parse.urljoin(answer.url, answer.headers["location"])
            if target.startswith(self.callback):
                self.answer = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(target).query))
                return self
            answer = self.http.get(target, allow_redirects=False)
        self.page, self.url = answer.text, answer.url
        return self
