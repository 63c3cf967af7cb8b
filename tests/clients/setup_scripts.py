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
NPM = [
    ("Press T for testing or P for production", "{letter}"),
    ("Press (E) for existing or (N) for new private key", "N"),
    ("Enter the directory for your new private key", ""),
    ("Press F for storing in a text file or T for plain text", "F"),
    ("Press M for merchant, P for payout, or B for both", "M"),
]
NPM_CODE = re.compile(r"^(\w{7}) for the Merchant facade", re.M)
PYPI = [
    ("Press T for testing or P for production", "{letter}"),
    ("Press enter to generate a brand new key", ""),
    ("Press F for storing in a pem file or T for plain text", "F"),
    ("Press M for merchant, P for payout, or B for both", "M"),
]
PYPI_CODE = re.compile(r"Merchant Token Pairing Code:\s+(\w{7})\s")


def npm(node, modules, folder, env, production):
    """Gives (pairing code, configuration file)."""
    code = converse([node, f"{modules}/bitpay-sdk/bin/index.js"], folder, env, NPM, NPM_CODE, production)
    return code, folder / "BitPay.config.json"


def pypi(python, folder, env, production):
    """Gives (pairing code, configuration file)."""
    find = "import importlib.util as u; print(u.find_spec('bitpay').submodule_search_locations[0])"
    package = subprocess.run([python, "-c", find], capture_output=True, text=True, check=True).stdout.strip()
    code = converse([python, f"{package}/bitpay_setup.py"], folder, env, PYPI, PYPI_CODE, production)
    return code, folder / "bitpay.config.json"


def converse(command, folder, env, questions, code, production):
    """Answers each question when it has been asked; gives the code that the script printed."""
    env = dict(env, PYTHONUNBUFFERED="1")
    with subprocess.Popen(
        command, cwd=folder, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as script:
        try:
            said, seen = "", 0
            for question, answer in questions:
                said = listen(script, said, lambda text, at=seen, what=question: text.find(what, at) >= 0)
                seen = said.find(question, seen) + len(question)
                if seen < len(question):
                    raise RuntimeError(f"the setup script ended without asking {question!r}; it said: {said[-400:]}")
                script.stdin.write((answer.format(letter="P" if production else "T") + "\n").encode())
                script.stdin.flush()
            said = listen(script, said, lambda text: False)
        finally:
            script.kill()
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
