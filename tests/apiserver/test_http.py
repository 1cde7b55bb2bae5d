"""The HTTP front: who may come in, how answers look on the wire, and what it does with bad input."""

import base64
import gzip
import json
import socket
import ssl
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from controlplane.apiserver.api import Response
from controlplane.apiserver.http.app import warning_headers
from tests.apiserver.serving import TOKEN, Served, serving

PODS = "/api/v1/namespaces/default/pods"
MAPS = "/api/v1/namespaces/default/configmaps"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("served")) as running:
        yield running


def config_map(name: str, **data: str) -> dict:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


# Who may come in -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz", "/version", "/version/"])
def test_anybody_may_ask_whether_it_is_well(served, path):
    assert served.call("GET", path, token=None).status == 200


@pytest.mark.parametrize("path", ["/", "/api", "/apis", "/openapi/v3", PODS, "/metrics", "/healthz/../api/v1/pods"])
def test_everything_else_needs_a_user(served, path):
    answer = served.call("GET", path, token=None)
    assert answer.status == 401
    assert answer.json["kind"] == "Status" and answer.json["reason"] == "Unauthorized"


WRONG = ["Bearer wrong", "Bearer ", "Bearer", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer é"]


@pytest.mark.parametrize("value", WRONG)
def test_a_wrong_token_is_refused_everywhere(served, value):
    for path in (PODS, "/healthz"):
        assert served.call("GET", path, token=None, headers={"Authorization": value}).status == 401


def test_a_client_certificate_names_its_user(served):
    users = {user["name"]: user["user"] for user in served.config["users"]}
    pair = users["controlplane-certificate"]
    pem = base64.b64decode(pair["client-certificate-data"]) + base64.b64decode(pair["client-key-data"])
    with tempfile.NamedTemporaryFile() as file:
        file.write(pem)
        file.flush()
        tls = ssl.create_default_context(
            cadata=base64.b64decode(served.config["clusters"][0]["cluster"]["certificate-authority-data"]).decode()
        )
        tls.load_cert_chain(file.name)
    connection = served.connect(tls)
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    connection.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", json.dumps(review))
    user = json.loads(connection.getresponse().read())["status"]["userInfo"]
    connection.close()
    assert user["username"] == "kubernetes-admin"
    assert user["groups"] == ["system:masters", "system:authenticated"]


def ask_for_certificate(served: Served, name: str, *groups: str) -> tuple[dict, bytes]:
    """(the request as it is once it was approved and answered, the key)."""
    key = ec.generate_private_key(ec.SECP256R1())
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    subject = x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, name)])
    asked = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    pem = asked.public_bytes(serialization.Encoding.PEM)
    path = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
    spec = {
        "request": base64.b64encode(pem).decode(),
        "signerName": "kubernetes.io/kube-apiserver-client",
        "usages": ["client auth"],
    }
    made = served.call("POST", path, {"metadata": {"name": name}, "spec": spec})
    assert made.status == 201, made.body
    approved = {"type": "Approved", "status": "True", "reason": "Me", "message": "fine"}
    body = {**made.json, "status": {"conditions": [approved]}}
    assert served.call("PUT", f"{path}/{name}/approval", body).status == 200
    found: dict = {}

    def answered() -> bool:
        found.update(served.call("GET", f"{path}/{name}").json)
        return "certificate" in found["status"] or len(found["status"]["conditions"]) > 1

    assert eventually(answered)
    return found, key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def test_who_asks_for_a_certificate_and_is_approved_is_a_user(served, tmp_path):
    found, key = ask_for_certificate(served, "jane", "dev")
    path = tmp_path / "client.pem"
    path.write_bytes(base64.b64decode(found["status"]["certificate"]) + key)
    authority = served.config["clusters"][0]["cluster"]["certificate-authority-data"]
    tls = ssl.create_default_context(cadata=base64.b64decode(authority).decode())
    tls.load_cert_chain(path)
    connection = served.connect(tls)
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    connection.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", json.dumps(review))
    user = json.loads(connection.getresponse().read())["status"]["userInfo"]
    connection.close()
    assert user == {"username": "jane", "groups": ["dev", "system:authenticated"]}


def test_nobody_becomes_a_master_by_asking(served):
    found, _ = ask_for_certificate(served, "mallory", "system:masters")
    assert "certificate" not in found["status"]
    assert found["status"]["conditions"][-1]["type"] == "Failed"


def test_a_certificate_of_another_authority_is_refused(served, tmp_path):
    from controlplane.apiserver.http.tls import Authority

    path = tmp_path / "client.pem"
    path.write_bytes(b"".join(Authority().client("kubernetes-admin", ("system:masters",))))
    tls = ssl.create_default_context(
        cadata=base64.b64decode(served.config["clusters"][0]["cluster"]["certificate-authority-data"]).decode()
    )
    tls.load_cert_chain(path)
    connection = served.connect(tls)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        connection.request("GET", PODS)
        connection.getresponse()


def test_the_kubeconfig_is_for_its_owner_alone(served):
    assert stat.S_IMODE(served.kubeconfig.stat().st_mode) == 0o600
    assert served.config["users"][0]["user"]["token"] == TOKEN


def test_a_service_accounts_token_is_its_user(served):
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot"}}
    assert served.call("POST", "/api/v1/namespaces/default/serviceaccounts", account).status == 201
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 600}}
    answer = served.call("POST", "/api/v1/namespaces/default/serviceaccounts/robot/token", asked)
    assert answer.status == 201
    token = answer.json["status"]["token"]
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    said = served.call("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", review, token=token)
    assert said.json["status"]["userInfo"]["username"] == "system:serviceaccount:default:robot"
    served.call("DELETE", "/api/v1/namespaces/default/serviceaccounts/robot")
    assert served.call("GET", PODS, token=token).status == 401


# What answers look like ----------------------------------------------------------------------------------------------


def test_one_connection_serves_many_requests(served):
    connection = served.connect()
    for _ in range(3):
        connection.request("GET", PODS, headers={"Authorization": f"Bearer {TOKEN}"})
        answer = connection.getresponse()
        assert answer.status == 200 and answer.headers["Content-Type"] == "application/json"
        assert json.loads(answer.read())["kind"] == "PodList"
    connection.close()


def test_every_answer_has_an_audit_id_of_its_own(served):
    ids = {served.call("GET", "/version").headers["Audit-Id"] for _ in range(3)}
    assert len(ids) == 3


def test_head_has_the_length_and_no_body(served):
    whole = served.call("GET", "/version")
    head = served.call("HEAD", "/version")
    assert head.status == 200 and head.body == b""
    assert head.headers["Content-Length"] == str(len(whole.body))


def test_large_answers_are_compressed_for_those_who_can_read_it(served):
    served.call("POST", MAPS, config_map("large", text="x" * 200_000))
    plain = served.call("GET", f"{MAPS}/large")
    packed = served.call("GET", f"{MAPS}/large", headers={"Accept-Encoding": "gzip, br"})
    small = served.call("GET", "/version", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip" and gzip.decompress(packed.body) == plain.body
    assert plain.headers["Content-Encoding"] is None and small.headers["Content-Encoding"] is None


def test_warnings_are_headers(served):
    answer = served.call("POST", MAPS, {**config_map("warned"), "datum": 1})
    assert answer.status == 201
    assert answer.headers.get_all("Warning") == ['299 - "unknown field \\"datum\\""']


def test_a_warning_is_one_line_and_not_endless():
    assert warning_headers(("a\nb",)) == [b'299 - "a b"']
    assert [len(line) for line in warning_headers(("x" * 5000,) * 2)] == [264, 264]
    assert len(warning_headers(("x" * 300,) * 100)) == 16


def test_many_warnings_do_not_break_a_client_that_counts_headers(served):
    many = {f"unknown{i}": 1 for i in range(500)}
    assert served.call("POST", MAPS, {**config_map("many"), **many}).status == 201


def test_a_refusal_that_says_when_to_come_back(served):
    assert Response(429, {}, headers={"Retry-After": "5"}).headers["Retry-After"] == "5"
    answer = served.call("GET", PODS, query={"resourceVersion": "999999999"})
    assert answer.status == 504 and answer.headers["Retry-After"] == "1"


def test_repeated_parameters_are_all_read(served):
    answer = served.call("POST", MAPS, config_map("dry"), query={"dryRun": ["All", "All"]})
    assert answer.status == 201
    assert served.call("GET", f"{MAPS}/dry").status == 404


# Watches -------------------------------------------------------------------------------------------------------------


def test_a_watch_streams_a_json_object_a_line(served):
    connection = served.connect()
    connection.request("GET", f"{MAPS}?watch=1&labelSelector=w%3D1", headers={"Authorization": f"Bearer {TOKEN}"})
    answer = connection.getresponse()
    assert answer.status == 200 and answer.headers["Transfer-Encoding"] == "chunked"
    labelled = config_map("watched")
    labelled["metadata"]["labels"] = {"w": "1"}
    served.call("POST", MAPS, labelled)
    served.call("DELETE", f"{MAPS}/watched")
    events = [json.loads(answer.readline()) for _ in range(2)]
    assert [event["type"] for event in events] == ["ADDED", "DELETED"]
    assert events[0]["object"]["metadata"]["name"] == "watched"
    connection.close()


def watched(served: Served, **query: str) -> list[dict]:
    """The events of a watch of one second."""
    answer = served.call("GET", MAPS, query={"watch": "true", "timeoutSeconds": "1", **query})
    assert answer.status == 200
    return [json.loads(line) for line in answer.body.splitlines()]


def test_a_watch_from_too_long_ago_says_so_in_an_event(served):
    (event,) = watched(served, resourceVersion="1")
    assert event["type"] == "ERROR"
    assert event["object"]["code"] == 410 and event["object"]["reason"] == "Expired"
    assert event["object"]["message"].startswith("too old resource version: 1 (")


def test_a_watch_list_ends_its_first_events_with_a_bookmark(served):
    served.call("POST", MAPS, config_map("initial"))
    initial = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}
    events = watched(served, fieldSelector="metadata.name=initial", **initial)
    assert [event["type"] for event in events] == ["ADDED", "BOOKMARK"]
    meta = events[1]["object"]["metadata"]
    assert set(events[1]["object"]) == {"apiVersion", "kind", "metadata"} and set(meta) == {
        "annotations",
        "resourceVersion",
    }
    assert meta["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_a_watch_that_wants_no_past_gets_none(served):
    assert watched(served, sendInitialEvents="false", resourceVersionMatch="NotOlderThan") == []
    assert watched(served, resourceVersion="999999999") == []


def open_streams(served: Served) -> int:
    def count() -> int:
        registries = [r for r in served.server.registries() if r.info.plural == "configmaps"]
        return sum(len(registry.storage.cache.streams()) for registry in registries)

    return served.within(count)


def eventually(condition) -> bool:
    for _ in range(500):
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_a_client_that_vanishes_leaves_no_watch_behind(served):
    assert eventually(lambda: open_streams(served) == 0)
    connections = [served.connect() for _ in range(20)]
    for connection in connections:
        connection.request("GET", f"{MAPS}?watch=1", headers={"Authorization": f"Bearer {TOKEN}"})
    assert eventually(lambda: open_streams(served) == 20)
    for connection in connections:
        assert connection.sock is not None
        connection.sock.shutdown(socket.SHUT_RDWR)
        connection.sock.close()
    assert eventually(lambda: open_streams(served) == 0)
    assert served.call("GET", "/readyz").body == b"ok"


def test_many_idle_watches_cost_the_others_nothing(served):
    wires = [raw_connection(served) for _ in range(200)]
    for wire in wires:
        head = f"GET {MAPS}?watch=1&labelSelector=idle HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
        wire.sendall(head.encode())
    assert eventually(lambda: open_streams(served) == 200)
    labelled = config_map("for-all")
    labelled["metadata"]["labels"] = {"idle": "1"}
    assert served.call("POST", MAPS, labelled).status == 201
    for wire in wires:
        wire.settimeout(20)
        data = b""
        while b'"ADDED"' not in data:
            data += wire.recv(65536)
        wire.close()
    assert eventually(lambda: open_streams(served) == 0)


# Bad input -----------------------------------------------------------------------------------------------------------


def test_a_body_over_three_megabytes_is_refused(served):
    small = served.call("POST", MAPS, b" " * (3 << 20))
    assert small.status == 400
    large = served.call("POST", MAPS, b" " * ((3 << 20) + 1))
    assert large.status == 413 and large.json["reason"] == "RequestEntityTooLarge"
    assert large.headers["Connection"] == "close"


def chunks(count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield b"x" * 65536


def test_a_body_of_unknown_length_is_refused_too(served):
    connection = served.connect()
    connection.request("POST", MAPS, chunks(100), headers={"Authorization": f"Bearer {TOKEN}"}, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()


RAW = [
    b"GET\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET http:// HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: nonsense\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /" + b"a" * (2 << 20) + b" HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % i for i in range(100_000)) + b"\r\n",
]


def raw_connection(served: Served) -> ssl.SSLSocket:
    plain = socket.create_connection((served.host, served.port))
    return served.tls.wrap_socket(plain, server_hostname="localhost")


@pytest.mark.parametrize("raw", RAW, ids=range(len(RAW)))
def test_what_is_no_http_does_no_harm(served, raw):
    with raw_connection(served) as wire:
        wire.settimeout(10)
        try:
            wire.sendall(raw)
            answer = wire.recv(65536)
        except (ConnectionError, ssl.SSLError):
            answer = b""
    assert answer[9:12] not in (b"500", b"200")
    assert served.call("GET", "/readyz").status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/%00",
        "/api/v1/namespaces/%ff%fe/pods",
        "/api/v1/namespaces/a%2Fb/pods",
        "/api/v1/namespaces//pods",
        "//api//v1",
        "/%",
        "/api/v1/pods?limit=%zz&x=%ff",
        "/api/v1/pods?;&=&==&a",
        "/api/v1/namespaces/default/pods/x/y/z/../../w",
    ],
)
def test_strange_paths_are_answered(served, path):
    assert served.call("GET", path).status < 500


def test_a_truncated_body_does_no_harm(served):
    with raw_connection(served) as wire:
        head = f"POST {MAPS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 100\r\n\r\n"
        wire.sendall(head.encode() + b"{")
    assert served.call("GET", "/readyz").status == 200


def test_the_token_is_in_no_log(served, caplog):
    with caplog.at_level("DEBUG"):
        served.call("GET", PODS)
        served.call("GET", PODS, token="wrong-and-secret")
    assert TOKEN not in caplog.text and "wrong-and-secret" not in caplog.text


def test_a_port_that_is_taken_is_an_error(served, tmp_path):
    with pytest.raises(OSError, match="in use"), serving(tmp_path, port=served.port):
        pass


def test_stopping_ends_open_watches(tmp_path: Path):
    with serving(tmp_path) as short:
        connection = short.connect()
        connection.request("GET", f"{MAPS}?watch=1", headers={"Authorization": f"Bearer {TOKEN}"})
        answer = connection.getresponse()
    assert answer.read() == b""
    connection.close()
