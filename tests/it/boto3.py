"""Reads one secret by boto3 for each case of the JSON on stdin, and prints how it went."""

import json
import os
import sys

import boto3
from botocore.config import Config

clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
once = Config(retries={"total_max_attempts": 1})
for case in json.load(sys.stdin):
    os.environ.clear()
    os.environ.update(clean)
    os.environ.update(case["variables"])
    try:
        session = boto3.Session(profile_name=case["profile"])
        session.client("secretsmanager", config=once).get_secret_value(SecretId="it/none")
        outcome = "found"
    except Exception as error:
        outcome = f"{type(error).__name__}: {error}"
    print(json.dumps(outcome), flush=True)
