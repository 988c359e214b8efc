"""Follows a PromptForge channel: prints what changes, keeps what is served in a file. Python 3.9 or newer, nothing to install.

PROMPTFORGE_API_KEY=pf_live_... python3 follow.py stable 'support/*,shop/greeting' prompts.json
"""

import http.client, json, os, random, sys, time, urllib.parse, urllib.request

SERVER = os.environ.get("PROMPTFORGE_URL", "http://127.0.0.1:4000")
SILENCE_S, HEALTHY_S, BACKOFF_S, REFUSED_S = 45, 60, 30, 300


def events(response):
    """The fields of each event. A comment comes every 15 s: the socket's timeout ends a connection that is silent for longer."""
    fields = {}
    for line in response:
        name, _, value = line.decode().rstrip("\r\n").partition(":")
        if name:
            fields[name] = value.strip()
        elif not line.startswith(b":"):
            yield fields
            fields = {}


def applied(prompts, commit):
    """What is served after all events of a commit."""
    after = {} if commit[0][0] == "snapshot" else dict(prompts)
    for event, data in commit:
        if event == "withdrawn":
            after.pop(data["slug"], None)
        else:
            after.update((prompt["slug"], prompt) for prompt in data.get("entries", [data]))
    return after


def keep(file, state, after):
    """Writes the file, whole or not at all, then prints a line for each change."""
    before, state["prompts"] = state["prompts"], after
    with open(file + ".tmp", "w", encoding="utf-8") as out:
        json.dump(state, out)
    os.replace(file + ".tmp", file)
    for slug in sorted(before.keys() | after.keys()):
        old, new = (prompts.get(slug, {}).get("version") for prompts in (before, after))
        if old != new:
            print(f"{slug}: version {new}" if new else f"{slug}: withdrawn", flush=True)


def listen(file, state):
    """One connection, until it ends. Returns after how many seconds the server wants us back."""
    headers = {"Authorization": "Bearer " + os.environ["PROMPTFORGE_API_KEY"], "Last-Event-ID": state["id"]}
    request, commit, retry_s = urllib.request.Request(state["url"], headers=headers), [], 1
    with urllib.request.urlopen(request, timeout=SILENCE_S) as response:
        for fields in events(response):
            retry_s = int(fields["retry"]) / 1000 if "retry" in fields else retry_s
            if fields.get("event") in ("snapshot", "promoted", "withdrawn"):
                event, data = fields["event"], json.loads(fields["data"])
                if data.get("part") == 1:  # A snapshot begins anew, whatever came before it.
                    commit = []
                commit.append((event, data))
            if "id" in fields:  # The end of a commit, `more` is false: apply all of it, and come back from here.
                state["id"] = fields["id"]
                if commit:
                    keep(file, state, applied(state["prompts"], commit))
                commit = []
    return retry_s


def main(channel, prompts, file):
    query = "?" + urllib.parse.urlencode({"prompts": prompts}) if prompts else ""
    state = {"url": f"{SERVER}/v1/channels/{channel}/events{query}", "id": "", "prompts": {}}
    if os.path.exists(file):
        with open(file, encoding="utf-8") as kept:
            known = json.load(kept)
        state = known if known["url"] == state["url"] else state
    failures = 0
    while True:
        began, status = time.monotonic(), None
        try:
            wait_s = listen(file, state)
        except (OSError, http.client.HTTPException) as error:
            print(f"{error!r}: what is known stays", file=sys.stderr, flush=True)
            wait_s, status = random.random(), getattr(error, "code", None)
        failures = 1 if time.monotonic() - began > HEALTHY_S else failures + 1
        if failures > 1:
            wait_s = max(wait_s, min(BACKOFF_S, 2 ** (failures - 2)) * random.uniform(0.5, 1))
        if status == 400:  # No cursor of this server: begin anew.
            state["id"] = ""
        time.sleep(REFUSED_S if status in (401, 403) else wait_s)


if __name__ == "__main__":
    main(*sys.argv[1:]) if len(sys.argv) == 4 else sys.exit(__doc__)
