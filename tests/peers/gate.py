"""A running Postern in front of the simulator of `lab`: set up by its command line as an administrator would, with a door
of each kind for devices, one of them behind a proxy, and a certificate that clients can check.
"""

import json
import os
import socket
import subprocess
import time

from lab import PROGRAMS, openssl

HOST = "localhost"
PROXY = "127.0.0.2"


class Gate:
    """Postern with one account (application sign-in, Graph), a submitter with a password and one by network."""

    def __init__(self, lab):
        self.lab, self.folder = lab, lab.folder / "gate"
        self.folder.mkdir()
        self.starttls, self.implicit, self.plain, self.behind_proxy, console = free_ports(5)
        self.ca, certificate, key = certificate_for(HOST, self.folder)
        doors = [(self.starttls, "starttls"), (self.implicit, "implicit"), (self.plain, "none")]
        files = f'certificate_file = "{certificate}"\nkey_file = "{key}"\n'
        sections = [
            f'[[submission]]\nlisten = "127.0.0.1:{port}"\ntls = "{tls}"\n{files if tls != "none" else ""}'
            for port, tls in doors
        ]
        # PROXY protocol is believed from this address of loopback, and from no other.
        proxied = f'[[submission]]\nlisten = "127.0.0.1:{self.behind_proxy}"\ntls = "implicit"\n{files}'
        sections.append(f'{proxied}proxy_protocol_from = ["{PROXY}"]\n')
        config = self.folder / "postern.toml"
        config.write_text(
            f'data_dir = "{self.folder}/data"\n[console]\nlisten = "127.0.0.1:{console}"\n'
            + "".join(sections)
            + f'[[cloud]]\nname = "lab"\nlogin = "{lab.login}"\ngraph = "{lab.graph}"\nsmtp = "{lab.smtp}"\n'
            'outlook_scope = "https://outlook.office.com"\noutlook_app_scope = "https://outlook.office365.com"\n'
            f'ca_file = "{lab.ca}"\n'
        )
        self.log = (self.folder / "log").open("w")
        command = [PROGRAMS / "postern", "serve", "--config", config]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        # The ports are taken first, the socket of the command line is made last.
        wait_for_socket(self.folder / "data" / "admin.sock", self.process)
        self.set_up_account()
        added = self.run("submitter", "add", "--name", "scanner", "--json")
        self.user, self.password = "scanner", json.loads(added)["password"]

    def set_up_account(self):
        made = self.lab.certificate("gate")
        self.lab.change_app(certificates=[made.public_pem()])
        given = ["--name", "gate", "--file", made.pfx, "--password-stdin"]
        self.run("certificate", "import", *given, typed=made.password)
        named = ["--name", "contoso", "--cloud", "lab", "--tenant", self.lab.tenant, "--client", self.lab.client]
        proof = ["--certificate", "gate", "--sign-in", "application", "--from", self.lab.user, "--default"]
        self.run("account", "add", *named, *proof)
        self.run("account", "authorize", "contoso")

    def run(self, *arguments, typed=None):
        command = [PROGRAMS / "postern", *map(str, arguments), "--data-dir", f"{self.folder}/data"]
        done = subprocess.run(command, input=typed, capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise RuntimeError(f"postern {' '.join(map(str, arguments[:2]))}: {done.stderr}")
        return done.stdout

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=40)
        self.log.close()


def free_ports(count):
    """Ports that nobody listens on; another process could take one before we do, and then we fail."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def wait_for_socket(path, process, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with status {process.returncode}")
        try:
            with socket.socket(socket.AF_UNIX) as one:
                return one.connect(str(path))
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"nobody answers on {path}")


def certificate_for(host, folder):
    """An authority of our own, and a server certificate by it: the three files."""
    ca, ca_key, certificate, key = (folder / name for name in ("ca.pem", "ca.key", "tls.pem", "tls.key"))
    new = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30"]
    openssl(*new, "-subj", "/CN=Judges", "-keyout", ca_key, "-out", ca)
    names = ["-addext", f"subjectAltName=DNS:{host}", "-addext", "basicConstraints=critical,CA:FALSE"]
    signed = ["-CA", ca, "-CAkey", ca_key]
    openssl(*new, *signed, *names, "-subj", f"/CN={host}", "-keyout", key, "-out", certificate)
    return ca, certificate, key


class Arrivals:
    """Mail that has come to a mailbox since it was asked for the first time."""

    def __init__(self, lab, address):
        self.lab, self.address = lab, address
        self.seen = {one["id"] for one in lab.mail(address)}

    def wait(self, count=1, seconds=60):
        deadline = time.monotonic() + seconds
        while True:
            new = [one for one in self.lab.mail(self.address) if one["id"] not in self.seen]
            if len(new) >= count:
                self.seen |= {one["id"] for one in new}
                return new
            if time.monotonic() > deadline:
                raise AssertionError(f"{len(new)} of {count} messages came to {self.address}")
            time.sleep(0.1)


def clean_environment():
    """For programs that look for trust in the environment: it must not decide a test."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("SSL_", "CURL_", "NODE_EXTRA"))}
