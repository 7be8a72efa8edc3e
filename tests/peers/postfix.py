"""A Postfix of its own: its configuration, queue and log lie in a folder, and the machine's own Postfix isn't touched. Its
master has to be started by root.
"""

import os
import pathlib
import shutil
import subprocess
import time

MASTER = """\
cleanup   unix n - n -    0 cleanup
qmgr      unix n - n 300  1 qmgr
rewrite   unix - - n -    - trivial-rewrite
bounce    unix - - n -    0 bounce
defer     unix - - n -    0 bounce
trace     unix - - n -    0 bounce
verify    unix - - n -    1 verify
flush     unix n - n 1000? 0 flush
proxymap  unix - - n -    - proxymap
smtp      unix - - n -    - smtp
relay     unix - - n -    - smtp
error     unix - - n -    - error
retry     unix - - n -    - error
discard   unix - - n -    - discard
local     unix - n n -    - local
anvil     unix - - n -    1 anvil
scache    unix - - n -    1 scache
tlsmgr    unix - - n 1000? 1 tlsmgr
pickup    unix n - n 1    1 pickup
postlog   unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """A running instance with these settings, and more services in `master`."""

    def __init__(self, folder, settings, master=""):
        if os.geteuid() != 0:
            raise RuntimeError("Postfix starts as root only: run these tests as root")
        self.folder, self.config = folder, folder / "etc"
        self.config.mkdir(parents=True)
        folder.chmod(0o755)
        for parent in folder.parents:
            if not parent.stat().st_mode & 0o001:
                parent.chmod(parent.stat().st_mode | 0o011)
        (folder / "queue").mkdir()
        (folder / "data").mkdir()
        shutil.chown(folder / "data", "postfix")
        own = {
            "compatibility_level": "3.6", "queue_directory": folder / "queue", "data_directory": folder / "data",
            "maillog_file": folder / "log", "maillog_file_prefixes": folder, "myhostname": "relay.example",
            "mydestination": "", "alias_maps": "", "local_recipient_maps": "", "inet_interfaces": "loopback-only",
            "inet_protocols": "ipv4", "mynetworks": "127.0.0.0/8", "biff": "no", "append_dot_mydomain": "no",
            "multi_instance_enable": "yes", "multi_instance_name": "postfix-judge", **settings,
        }
        lines = [f"{name} = {value}\n" for name, value in own.items()]
        (self.config / "main.cf").write_text("".join(lines))
        (self.config / "master.cf").write_text(MASTER + master)

    def __enter__(self):
        # An instance is allowed only where the machine's own configuration names it; `-c` by root is exempt.
        self.control("start")
        return self

    def __exit__(self, *_):
        self.control("stop")

    def control(self, what):
        done = subprocess.run(["postfix", "-c", str(self.config), what], capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise RuntimeError(f"postfix {what}: {done.stdout}{done.stderr}{self.log()}")

    def master_pid(self):
        return int((self.folder / "queue" / "pid" / "master.pid").read_text())

    def sendmail(self, sender, recipient, text):
        command = ["sendmail", "-C", str(self.config), "-i", "-f", sender, recipient]
        program = next(path for path in ("/usr/sbin/sendmail", "/usr/lib/sendmail") if pathlib.Path(path).exists())
        subprocess.run([program, *command[1:]], input=text, text=True, check=True, timeout=60)

    def log(self):
        file = self.folder / "log"
        deadline = time.monotonic() + 5
        while not file.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        return file.read_text() if file.exists() else ""
