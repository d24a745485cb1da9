# A workload that gets its identity by py-spiffe and prints what it is told, one JSON object a line, until its
# standard input ends. usage: workload-api-client.py svids|bundles|jwt ADDRESS
import json
import sys

from spiffe import WorkloadApiClient


def say(**line):
    print(json.dumps(line), flush=True)


def counts(bundles):
    return {bundle.trust_domain.name: len(bundle.x509_authorities) for bundle in bundles}


def update(context):
    svids = [
        {
            'id': str(svid.spiffe_id),
            'serial': format(svid.leaf.serial_number, 'x'),
            'chain': len(svid.cert_chain),
        }
        for svid in context.x509_svids
    ]
    say(svids=svids, bundles=counts(context.x509_bundle_set.bundles))


method, address = sys.argv[1:]
client = WorkloadApiClient(address)
try:
    if method == 'svids':
        update(client.fetch_x509_context(timeout=10))
        client.stream_x509_contexts(update, lambda error: say(error=str(error)))
    elif method == 'bundles':
        say(bundles=counts(client.fetch_x509_bundles(timeout=10).bundles))
    else:
        client.fetch_jwt_svid({'somebody'}, timeout=10)
except Exception as error:
    say(error=str(error))
sys.stdin.read()
client.close()
