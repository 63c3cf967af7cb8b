"""Drives the setup scripts that come with npm bitpay-sdk and PyPI bitpay, as a person at a terminal would.

Both ask questions, make a key, `POST /tokens`, print the pairing code to be approved, and write a configuration file.
"""
import os
import re
import selectors
import subprocess
import time

WITHIN = 60

# What each script asks, in turn, and the answer; {letter} is P for bitpay.com and T for test.bitpay.com.
ENVIRONMENT = ("Press T for testing or P for production", "{letter}")
PLACE = ("Press F for storing in a", "F")
FACADE = ("Press M for merchant", "M")
NPM_CODE = re.compile(r"^(\w{7}) for the Merchant facade", re.M)
SCRIPTS = {
    "bitpay-sdk 8": ([
        ENVIRONMENT,
        ("Press (E) for existing or (N) for new private key", "N"),
        ("Enter the directory for your new private key", ""),
        PLACE,
        FACADE,
    ], NPM_CODE),
    "bitpay-sdk 1 to 5": ([ENVIRONMENT, ("Or press Enter to generate a brand new key", ""), PLACE, FACADE], NPM_CODE),
    "PyPI bitpay": ([
        ENVIRONMENT,
        ("Press enter to generate a brand new key", ""),
        PLACE,
        FACADE,
    ], re.compile(r"Merchant Token Pairing Code:\s+(\w{7})\s")),
}


def converse(command, folder, env, script, letter):
    """Answers each question of `script` (a name of SCRIPTS) when it has been asked; gives the code that it printed."""
    questions, code = SCRIPTS[script]
    env = dict(env, PYTHONUNBUFFERED="1")
    with subprocess.Popen(
        command, cwd=folder, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as running:
        try:
            said, seen = "", 0
            for question, answer in questions:
                said = listen(running, said, lambda text, at=seen, what=question: text.find(what, at) >= 0)
                seen = said.find(question, seen) + len(question)
                if seen < len(question):
                    raise RuntimeError(f"the setup script ended without asking {question!r}; it said: {said[-400:]}")
                running.stdin.write((answer.format(letter=letter) + "\n").encode())
                running.stdin.flush()
            said = listen(running, said, lambda text: False)
        finally:
            running.kill()
    found = code.search(said)
    if not found:
        raise RuntimeError(f"the setup script printed no pairing code; it said: {said[-400:]}")
    return found.group(1)


def listen(script, said, enough):
    """Reads on until `enough` holds for all that was said, or the script has ended."""
    deadline = time.monotonic() + WITHIN
    with selectors.DefaultSelector() as selector:
        selector.register(script.stdout, selectors.EVENT_READ)
        while not enough(said):
            if not selector.select(max(0, deadline - time.monotonic())):
                raise RuntimeError(f"the setup script was silent for {WITHIN} s; it said: {said[-400:]}")
            more = os.read(script.stdout.fileno(), 65536)
            if not more:
                break
            said += more.decode(errors="replace")
    return said
