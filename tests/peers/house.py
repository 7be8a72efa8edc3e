"""A running Postern with clouds of its own, spoken to by its command line as anyone would."""

import json
import os
import pathlib
import socket
import ssl
import subprocess
import tempfile
import urllib.error
import urllib.parse
import urllib.request

from lab import PROGRAMS

POSTERN = pathlib.Path(os.environ.get("PEERS_POSTERN", PROGRAMS / "postern"))


class House:
    """`postern serve` in a temporary folder; each cloud is a dictionary of the keys of `[[cloud]]`."""

    def __init__(self, *clouds, port=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="house-"))
        self.port = port or free_port()
        text = f'data_dir = "{self.folder}"\n[console]\nlisten = "127.0.0.1:{self.port}"\n'
        for cloud in clouds:
            text += "[[cloud]]\n" + "".join(f"{key} = {json.dumps(str(value))}\n" for key, value in cloud.items())
        config = self.folder / "postern.toml"
        config.write_text(text)
        env = {**os.environ, "RUST_LOG": "warn"}
        command = [POSTERN, "serve", "--config", config]
        self.log = open(self.folder / "log", "w")
        self.process = subprocess.Popen(command, env=env, stdout=self.log, stderr=self.log)
        self.redirect = f"https://localhost:{self.port}/authorize"
        self._wait()

    def _wait(self):
        """Until it answers: the kernel tells of the listening port, the rest is a refusal or an answer."""
        for _ in range(600):
            if self.process.poll() is not None:
                raise RuntimeError(f"postern ended: {(self.folder / 'log').read_text()}")
            try:
                self.fetch("/healthz")
                return
            except OSError:
                try:
                    self.process.wait(timeout=0.05)
                except subprocess.TimeoutExpired:
                    pass
        raise RuntimeError("postern doesn't answer")

    def fetch(self, path, fields=None, headers=None):
        """One request to the console, whose certificate is its own."""
        trust = ssl.create_default_context()
        trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
        data = urllib.parse.urlencode(fields).encode() if isinstance(fields, dict) else fields
        request = urllib.request.Request(f"https://localhost:{self.port}{path}", data=data, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=10, context=trust) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as refused:
            # A page that says what went wrong is an answer, too.
            return refused.read().decode()

    def call(self, path, token, body):
        """A POST to the REST API."""
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        answer = json.loads(self.fetch(path, json.dumps(body).encode(), headers))
        if answer.get("code"):
            raise AssertionError(f"{path}: {answer}")
        return answer

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=30)
        self.log.close()

    def run(self, *words, given=None):
        command = [POSTERN, "--data-dir", self.folder, *map(str, words)]
        return subprocess.run(command, input=given, capture_output=True, text=True, timeout=120)

    def ask(self, *words, given=None):
        """What a command prints as JSON; its refusal is an error here."""
        done = self.run(*words, "--json", given=given)
        if done.returncode != 0:
            raise AssertionError(f"postern {words}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout) if done.stdout.strip() else None

    def certificate(self, name):
        """A new certificate; its public part as PEM text."""
        self.ask("certificate", "generate", "--name", name, "--exportable")
        pem = self.folder / f"{name}.pem"
        self.run("certificate", "export", name, "--format", "pem", "--output", pem)
        return pem.read_text()

    def test_email(self, to, account):
        """The stages by name, and whether all went well."""
        done = self.run("test-email", "--to", to, "--account", account, "--json")
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        result = json.loads(lines[-1]) if lines else {}
        if "stages" not in result:
            raise AssertionError(f"{done.returncode}: {done.stdout}{done.stderr}")
        return result["ok"], {stage["name"]: stage for stage in result["stages"]}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
