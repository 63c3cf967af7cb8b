"""The private machine of the proof: its names, and the payferry that runs on it."""
import contextlib
import json
import pathlib
import signal
import subprocess
import threading
import time

READY_WITHIN = 60
STORE = "demo"


def run(*command, **more):
    """Runs a command to its end and gives what it printed; an error carries all it said."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60, **more)
    if done.returncode != 0:
        raise RuntimeError(f"{pathlib.Path(command[0]).name} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def swap_names(folder):
    """Brings loopback up and gives BitPay's names to it, for this namespace only."""
    run("ip", "link", "set", "lo", "up")
    hosts = folder / "hosts"
    hosts.write_text("127.0.0.1 localhost bitpay.com www.bitpay.com test.bitpay.com\n")
    run("mount", "--bind", hosts, "/etc/hosts")


class Payferry:
    """`payferry demo` at two fixed addresses, with its sandbox."""

    def __init__(self, program, folder, http, https):
        folder.mkdir()
        self.program, self.log = program, folder / "payferry.log"
        self.adopting = threading.Lock()
        ready = folder / "ready.json"
        demo = ["demo", "--json", ready, "--http-listen", http, "--https-listen", https, "--log"]
        # setpriv: should this runner be killed, payferry ends with it
        command = ["setpriv", "--pdeathsig", "TERM", program, *demo]
        command = [str(part) for part in command]
        with self.log.open("w") as log:  # what it prints for people, secrets and all, is not its log
            self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)
        self._wait(ready)
        told = json.loads(ready.read_text())
        self.ca, self.config, self.sandbox, self.owner = (told[name] for name in ("ca_file", "config_file", "sandbox", "owner"))
        self.pos_token = self.new_secret("pos-token")

    def _wait(self, ready):
        for _ in range(READY_WITHIN * 10):
            if ready.exists():
                return
            if self.process.poll() is not None:
                raise RuntimeError(f"payferry demo did not start:\n{self.logged()}")
            time.sleep(0.1)
        self.stop()
        raise RuntimeError(f"payferry demo was not ready within {READY_WITHIN} s:\n{self.logged()}")

    def _told(self, *command):
        return json.loads(run(self.program, "--config", self.config, *command, "--json"))

    def new_code(self):
        """A pairing code for a shop to enter."""
        return self._told("pairing", "new", STORE)["pairing_code"]

    def approve(self, code):
        """Approves a code that a shop asked for."""
        run(self.program, "--config", self.config, "pairing", "approve", code, "--store", STORE)

    def new_secret(self, kind):
        """A v1-key or pos-token for a shop to be given."""
        return self._told("credential", "add", "--store", STORE, "--kind", kind)["secret"]

    def pending(self):
        """Ids of the credentials that were refused and may be adopted."""
        return {one["id"] for one in self._told("credential", "pending")}

    @contextlib.contextmanager
    def operator(self):
        """Gives a function that does what a shop waits for; one adoption at a time, so that the newest is the shop's own."""
        seen = []

        def act(asked):
            if asked == "before":
                self.adopting.acquire()
                seen[:] = [self.pending()]
                return "go on"
            if asked != "adopt":
                return self._move(*asked.split(" ", 1))
            try:
                return self._adopt(seen.pop())
            finally:
                self.adopting.release()

        try:
            yield act
        finally:
            if seen:  # the shop died before it asked for the adoption
                self.adopting.release()

    def _adopt(self, before):
        try:
            new = self.pending() - before
            for _ in range(100):
                if new:
                    break
                time.sleep(0.1)
                new = self.pending() - before
            if len(new) != 1:
                return f"{len(new)} new credentials are pending, not the shop's one"
            run(self.program, "--config", self.config, "credential", "adopt", new.pop(), "--store", STORE)
            return "done"
        except RuntimeError as error:
            return " ".join(str(error).split())[:150]

    def _move(self, what, invoice):
        """`pay`: a buyer pays all that is due. `confirm`: enough blocks are found."""
        try:
            run(self.program, "sandbox", what, invoice, "--sandbox", self.owner)
            return "done"
        except RuntimeError as error:
            return " ".join(str(error).split())[:150]

    def logged(self):
        """All that it has logged."""
        return self.log.read_text()

    def stop(self):
        """Ends it as an operator would; gives its exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise RuntimeError(f"payferry demo did not end on SIGTERM:\n{self.logged()}") from None
