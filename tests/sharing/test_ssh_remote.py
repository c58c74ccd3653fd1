"""The shared datasets through a remote that is no folder: an OpenSSH server on loopback, entered by key.

DVC asks no known_hosts file, so that nothing has to be written where the user keeps theirs.
"""

import hashlib
import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from tests.clones import commit_copy, run, succeed

SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
pytestmark = pytest.mark.skipif(
    not (SSHD and shutil.which("ssh-keygen")), reason="no OpenSSH server here: apt-get install openssh-server"
)

CONFIG = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/user.pub
PidFile {folder}/sshd.pid
Subsystem sftp internal-sftp
StrictModes no
UsePAM {pam}
PasswordAuthentication no
KbdInteractiveAuthentication no
"""


class Server:
    """sshd with keys of its own in `folder`, for the user who runs the tests."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        for key in ("host", "user", "stranger"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / key], check=True)
        pam = "no" if os.getuid() == 0 else "yes"  # other users may not read which accounts are locked
        (folder / "sshd_config").write_text(CONFIG.format(folder=folder, port=self.port, pam=pam))
        self.start()

    def url(self, port: int) -> str:
        return f"ssh://{pwd.getpwuid(os.getuid()).pw_name}@127.0.0.1:{port}{self.folder}/store"

    def start(self) -> None:
        """Returns once connections are taken."""
        if os.getuid() == 0:  # the service makes it as it starts, and we are not the service
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        log = self.folder / "sshd.log"
        self.process = subprocess.Popen([SSHD, "-D", "-f", self.folder / "sshd_config", "-E", log])
        while True:
            assert self.process.poll() is None, log.read_text()
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)

    def kill(self) -> None:
        """The server and every connection of it, as if its machine had lost power."""
        listener = psutil.Process(self.process.pid)
        for process in (listener, *listener.children(recursive=True)):
            process.kill()
        self.process.wait()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(scope="module", autouse=True)
def no_keys_of_the_user() -> Iterator[None]:
    """Those in HOME are out of reach anyway."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSH_AUTH_SOCK", "")
        yield


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    server.kill()


@pytest.fixture(scope="module")
def source(tmp_path_factory, server) -> Path:
    """A repository that has its datasets on the server and nowhere else."""
    root = tmp_path_factory.mktemp("source")
    commit_copy(root)
    succeed(root, "dvc pull")
    shutil.rmtree(root / "dvc-store")
    succeed(root, f"dvc remote add --default ssh {server.url(server.port)}")
    succeed(root, "dvc remote modify ssh verify true")
    succeed(root, "git commit -q --all -m 'Share by SSH'")
    succeed(root, f"dvc remote modify --local ssh keyfile {server.folder}/user")
    succeed(root, "dvc push")
    return root


@pytest.fixture
def clone(tmp_path, source) -> Path:
    """A clone that knows the key and has no data yet."""
    succeed(source, f"git clone -q . {tmp_path}/clone")
    shutil.copy(source / ".dvc/config.local", tmp_path / "clone/.dvc")
    assert not (tmp_path / "clone/data/captions/multi.jsonl").exists()
    return tmp_path / "clone"


def datasets(root: Path) -> dict[str, str]:
    """The hash of every caption set, the mini CLIP and all prompts."""
    files = [path for folder in ("data/captions", "models") for path in (root / folder).rglob("*")]
    return {str(path.relative_to(root)): md5(path) for path in files if path.is_file()}


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


def test_a_clone_pulls_what_was_pushed(source, clone):
    succeed(clone, "dvc pull")
    assert datasets(clone) == datasets(source)
    assert {"data/captions/multi.jsonl", "models/clip/open_clip_model.safetensors"} < datasets(clone).keys()


@pytest.mark.parametrize("wrong", ["key", "port"])
def test_a_strangers_key_and_a_server_that_is_not_there(source, clone, server, wrong):
    setting, said = {
        "key": (f"keyfile {server.folder}/stranger", "Permission denied"),
        "port": (f"url {server.url(free_port())}", "Connect call failed"),
    }[wrong]
    succeed(clone, f"dvc remote modify --local ssh {setting}")
    pulled = run(clone, "dvc pull")
    assert not (clone / "data/captions/multi.jsonl").exists()
    shutil.copytree(source / ".dvc/cache", clone / ".dvc/cache", dirs_exist_ok=True)  # something to push
    pushed = run(clone, "dvc push")
    for failed in (pulled, pushed):
        assert failed.returncode != 0 and "ERROR: " in failed.stdout and said in failed.stdout


def test_a_pull_that_lost_its_server_is_repeated(source, clone, server):
    cache = clone / ".dvc/cache/files/md5"
    with ThreadPoolExecutor() as beside:
        pulling = beside.submit(run, clone, "dvc pull")
        while not any(path.is_file() for path in cache.rglob("*")) and not pulling.done():
            time.sleep(0.002)
        server.kill()
    server.start()
    interrupted = pulling.result()
    assert interrupted.returncode != 0 and "ERROR: failed to" in interrupted.stdout
    succeed(clone, "dvc pull")  # what was cut short may lie in the cache: DVC tells and fetches it again
    assert datasets(clone) == datasets(source)
    for path in cache.glob("??/*"):
        assert md5(path) == (path.parent.name + path.name).removesuffix(".dir")
