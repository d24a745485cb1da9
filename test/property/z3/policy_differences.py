"""Z3's opinion on pairs of policy sets: can any request be allowed after and denied before, or the reverse?

Reads one JSON object a line: {before, after, options, nowMs}, policies as policy/model.ts has them. Prints one a
line: {widening, narrowing}, each "sat", "unsat" or "unknown". It follows policy/reference.ts, not
policy/algebra: a request is a caller in parts, a host in parts, and strings of Z3.
"""
import json
import sys

from z3 import (
    And, BitVec, BitVecVal, Bool, BoolVal, Concat, Extract, Full, If, InRe, Int, Length, Not, Option, Or, Plus,
    PrefixOf, Range, Re, ReSort, Solver, Star, String, StringSort, StringVal, SuffixOf, Union, sat, unsat,
)

TIMEOUT_MS = 10_000
HTTP = {"hosts", "methods", "paths", "request.headers", "requestPrincipals"}


def chars(text):
    """One of these characters; `a-z` is a range."""
    parts = []
    i = 0
    while i < len(text):
        if i + 2 < len(text) and text[i + 1] == "-":
            parts.append(Range(text[i], text[i + 2]))
            i += 3
        else:
            parts.append(Re(text[i]))
            i += 1
    return Union(*parts) if len(parts) > 1 else parts[0]


def seq(*parts):
    return Concat(*parts) if len(parts) > 1 else parts[0]


ANY = Full(ReSort(StringSort()))
DOMAIN = Plus(chars("a-z0-9._-"))
SEGMENT = Plus(chars("a-zA-Z0-9._-"))
TOKEN = Plus(chars("a-zA-Z0-9!#$%&'*+.^_`|~-"))
NAME = Plus(chars("a-z0-9._~!$&'()*+,;=%-"))
ADDRESS = seq(Re("["), Star(chars("0-9a-f:.")), Re("]"))
PORT = seq(chars("1-9"), Star(chars("0-9")))
PLAIN = chars("a-zA-Z0-9!$&'()*+,;:=@._~-")
# Canonical paths without escapes: what an escape would add is one more way to spell an unnamed text.
PATH_SEGMENT = Plus(PLAIN)
PATH = seq(Plus(seq(Re("/"), PATH_SEGMENT)), Option(Re("/")))
DOTS = seq(ANY, Re("/"), Union(Re("."), Re("..")), Union(Re(""), seq(chars("/;"), ANY)))
ONE_SEGMENT = Plus(chars("a-zA-Z0-9!$&'()*+,;:=@._~%-"))


class Request:
    """The unknowns of one request and of the workload that it is for."""

    def __init__(self):
        self.rules = []
        s = lambda name: String(name)
        self.plaintext, self.kubernetes = Bool("plaintext"), Bool("kubernetes")
        self.td, self.ns, self.sa, self.rest = s("td"), s("ns"), s("sa"), s("rest")
        usual = Concat(self.td, StringVal("/ns/"), self.ns, StringVal("/sa/"), self.sa)
        self.principal = If(self.kubernetes, usual, Concat(self.td, self.rest))
        segments = Plus(seq(Re("/"), SEGMENT))
        dots = seq(ANY, Re("/"), Union(Re("."), Re("..")), Union(Re(""), seq(Re("/"), ANY)))
        self.given(
            InRe(self.td, DOMAIN), InRe(self.ns, SEGMENT), InRe(self.sa, SEGMENT), InRe(self.rest, segments),
            Not(InRe(self.rest, seq(Re("/ns/"), SEGMENT, Re("/sa/"), SEGMENT))), Not(InRe(self.rest, dots)),
            *[text != dot for text in (self.ns, self.sa) for dot in (".", "..")],
        )
        self.addresses = {name: self.address(name) for name in ("source", "remote", "destination")}
        self.port = Int("port")
        self.given(self.port >= 1, self.port <= 65535)
        self.has_sni, self.sni = Bool("has_sni"), s("sni")
        self.given(InRe(self.sni, Plus(chars("a-z0-9._-"))))
        self.http = Bool("http")
        self.method, self.path = s("method"), s("path")
        self.given(InRe(self.method, TOKEN))
        self.given(Or(self.path == "/", And(InRe(self.path, PATH), Not(InRe(self.path, DOTS)))))
        self.host_name, self.host_port, self.has_port = s("host_name"), s("host_port"), Bool("has_port")
        self.given(InRe(self.host_port, PORT), Or(InRe(self.host_name, Union(NAME, ADDRESS)), self.host_name == ""))
        self.given(Not(And(self.has_port, self.host_name == "")))
        self.host = If(self.has_port, Concat(self.host_name, StringVal(":"), self.host_port), self.host_name)
        self.namespace = s("namespace")

    def given(self, *facts):
        self.rules.extend(facts)

    def address(self, name):
        known, six = Bool(f"{name}_known"), Bool(f"{name}_six")
        return known, six, BitVec(f"{name}_4", 32), BitVec(f"{name}_6", 128)


def text_matches(matcher, text):
    kind, value = matcher["kind"], matcher.get("value", "")
    if kind == "exact":
        return text == StringVal(value)
    if kind == "prefix":
        return PrefixOf(StringVal(value), text)
    if kind == "suffix":
        return SuffixOf(StringVal(value), text)
    return Length(text) > 0 if kind == "presence" else BoolVal(False)


def template(value):
    parts = []
    for index, segment in enumerate(value.split("/")):
        if index > 0:
            parts.append(Re("/"))
        if segment == "{*}":
            parts.append(ONE_SEGMENT)
        elif segment == "{**}":
            parts.append(ANY)
        elif segment:
            parts.append(Re(segment))
    return seq(*parts)


def block_matches(matcher, address):
    known, six, four, sixteen = address
    number = int.from_bytes(bytes(matcher["bytes"]), "big")
    length, wide = matcher["prefixLength"], len(matcher["bytes"]) == 16
    bits, variable = (128, sixteen) if wide else (32, four)
    family = And(known, six if wide else Not(six))
    if length == 0:
        return family
    shift = bits - length
    return And(family, Extract(bits - 1, shift, variable) == BitVecVal(number >> shift, length))


class Side:
    """One set of policies under one set of options."""

    def __init__(self, it, policies, options, now_ms):
        self.it, self.options, self.now_ms = it, options, now_ms
        self.policies = [p for p in policies if not p["dryRun"] and p["targetRefs"] is None]

    def selects(self, policy):
        root = self.options["rootNamespace"]
        return BoolVal(True) if policy["namespace"] == root else self.it.namespace == policy["namespace"]

    def any_of(self, action):
        live = [p for p in self.policies if p["action"] == action]
        live = [p for p in live if p["expiresAtMs"] is None or self.now_ms < p["expiresAtMs"]]
        return Or(*[And(self.selects(p), self.rule(r, action)) for p in live for r in p["rules"]], BoolVal(False))

    def allowed(self):
        allows = self.any_of("ALLOW")
        if self.options["defaultVerdict"] == "allow-when-unselected":
            allow_policies = [p for p in self.policies if p["action"] == "ALLOW"]
            allows = Or(allows, Not(Or(*[self.selects(p) for p in allow_policies], BoolVal(False))))
        return And(allows, Not(self.any_of("DENY")))

    def rule(self, rule, action):
        clause = lambda conditions: And(*[self.holds(c, action) for c in conditions], BoolVal(True))
        either = lambda clauses: BoolVal(True) if clauses is None else Or(*[clause(c) for c in clauses])
        return And(either(rule["from"]), either(rule["to"]), clause(rule["when"]))

    def holds(self, condition, action):
        field, widens = condition["field"], action == "ALLOW"
        one_of = lambda matchers, wide: Or(*[self.value(m, field, wide) for m in matchers], BoolVal(False))
        values = BoolVal(True) if not condition["values"] else one_of(condition["values"], widens)
        found = And(values, Not(one_of(condition["notValues"], not widens)))
        return found if field not in HTTP else If(self.it.http, found, BoolVal(action != "ALLOW"))

    def value(self, matcher, field, widens):
        it, field = self.it, field.replace("source.", "")
        authenticated = Not(it.plaintext)
        if field in ("principals", "principal"):
            return And(authenticated, self.principal(matcher))
        if field in ("namespaces", "namespace"):
            return And(authenticated, it.kubernetes, self.counts(widens), text_matches(matcher, it.ns))
        if field in ("serviceAccounts", "serviceAccount"):
            account = Concat(it.ns, StringVal("/"), it.sa)
            return And(authenticated, it.kubernetes, self.counts(widens), text_matches(matcher, account))
        if field in ("trustDomains", "trustDomain"):
            return And(authenticated, text_matches(matcher, it.td))
        if field in ("ipBlocks", "ip"):
            return block_matches(matcher, it.addresses["source"])
        if field in ("remoteIpBlocks", "remote.ip"):
            return block_matches(matcher, it.addresses["remote"])
        if field == "destination.ip":
            return block_matches(matcher, it.addresses["destination"])
        if field in ("ports", "destination.port"):
            return it.port == int(matcher["value"])
        if field == "connection.sni":
            return And(it.has_sni, text_matches(matcher, it.sni))
        if field == "hosts":
            value = matcher.get("value", "")
            whole = value.rfind(":") > value.rfind("]")
            return text_matches(matcher, it.host if whole else it.host_name)
        if field == "methods":
            return text_matches(matcher, it.method)
        if field == "paths":
            is_template = matcher["kind"] == "template"
            return InRe(it.path, template(matcher["value"])) if is_template else text_matches(matcher, it.path)
        raise ValueError(field)

    def principal(self, matcher):
        found = text_matches(matcher, self.it.principal)
        parts = matcher.get("value", "").split("/")
        same = [self.options["localTrustDomain"], "cluster.local", *self.options["trustDomainAliases"]]
        if matcher["kind"] != "exact" or len(parts) != 5 or parts[0] not in same:
            return found
        return Or(found, *[self.it.principal == "/".join([name, *parts[1:]]) for name in same])

    def counts(self, widens):
        trusted = self.options["trustDomains"]
        if not widens or "*" in trusted:
            return BoolVal(True)
        return Or(*[self.it.td == name for name in [self.options["localTrustDomain"], *trusted]])


def answer(pair):
    it = Request()
    options = pair["options"]
    stand_ins = {"cluster.local", *options["trustDomainAliases"]} - {options["localTrustDomain"]}
    it.given(*[it.td != name for name in stand_ins])
    before, after = [Side(it, pair[side], pair["options"], pair["nowMs"]).allowed() for side in ("before", "after")]

    def ask(allowing, denying):
        solver = Solver()
        solver.set("timeout", TIMEOUT_MS)
        solver.add(*it.rules, allowing, Not(denying))
        found = solver.check()
        return "sat" if found == sat else "unsat" if found == unsat else "unknown"

    return {"widening": ask(after, before), "narrowing": ask(before, after)}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
