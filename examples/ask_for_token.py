"""Calls Calendly for a connection: python3 ask_for_token.py ID. KEEPER_URL and KEEPER_TOKEN say where the keeper is."""
import json, os, sys, urllib.error, urllib.request

KEEPER, CALENDLY = os.environ["KEEPER_URL"], os.environ.get("CALENDLY_URL", "https://api.calendly.com")

def get(url, token):
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    return json.load(urllib.request.urlopen(request, timeout=30))

def token(connection, query=""):
    return get(f"{KEEPER}/v1/connections/{connection}/access-token{query}", os.environ["KEEPER_TOKEN"])

def call(connection, path):
    had = token(connection)
    try:
        return get(CALENDLY + path, had["access_token"])
    except urllib.error.HTTPError as refused:
        if refused.code != 401:
            raise
        return get(CALENDLY + path, token(connection, f"?rejected={had['generation']}")["access_token"])

print(call(sys.argv[1], "/users/me")["resource"]["uri"])
