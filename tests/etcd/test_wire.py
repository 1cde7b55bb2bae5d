"""The same requests to a real etcd and to our server get the same answers, message by message."""

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from aetcd.rpc import rpc_pb2 as pb
from aetcd.rpc import rpc_pb2_grpc as stubs

from controlplane.clock import Loop, WallLoop
from controlplane.etcd.api import ALL_KEYS, MAX_REQUEST_BYTES
from controlplane.etcd.grpc_store import GrpcStore
from controlplane.etcd.mvcc import Store
from tests.etcd.histories import History, Recorder, perform
from tests.etcd.real import real_etcd
from tests.etcd.server import our_etcd, serving


class Client:
    """Requests on one connection; revisions in answers are counted from the first one."""

    def __init__(self, address: str) -> None:
        self.channel = grpc.insecure_channel(address, [("grpc.max_send_message_length", -1)])
        self.kv = stubs.KVStub(self.channel)
        self.lease = stubs.LeaseStub(self.channel)
        self.watch = stubs.WatchStub(self.channel)

    def ask(self, method: Callable[..., Any], request: Any) -> Any:
        """The answer as text, without what differs between clusters; or the error."""
        try:
            answer = method(request, timeout=10)
        except grpc.RpcError as error:
            return error.code(), error.details()
        return plain(answer)


def plain(answer: Any) -> str:
    answer.header.cluster_id = answer.header.member_id = answer.header.raft_term = 0
    return str(answer)


class Watching:
    """One watch stream."""

    def __init__(self, client: Client) -> None:
        self.requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.stream = client.watch.Watch(iter(self.requests.get, None), timeout=20)

    def create(self, key: bytes, **options: Any) -> None:
        self.requests.put(pb.WatchRequest(create_request=pb.WatchCreateRequest(key=key, **options)))

    def cancel(self, id: int) -> None:
        self.requests.put(pb.WatchRequest(cancel_request=pb.WatchCancelRequest(watch_id=id)))

    def progress(self) -> None:
        self.requests.put(pb.WatchRequest(progress_request=pb.WatchProgressRequest()))

    def answers(self, count: int) -> list[str]:
        return [plain(next(self.stream)) for _ in range(count)]

    def events(self, count: int) -> list[str]:
        """So many events, however they come together in messages."""
        found: list[str] = []
        while len(found) < count:
            found += [str(event) for event in next(self.stream).events]
        return found

    def close(self) -> None:
        self.requests.put(None)
        self.stream.cancel()


@pytest.fixture
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Client]]:
    """Clients of a real etcd that is new, so that revisions are the same, and of ours."""
    with real_etcd(tmp_path_factory.mktemp("etcd")) as real, our_etcd() as ours:
        clients = [Client(real), Client(ours)]
        yield clients
        for client in clients:
            client.channel.close()


def same(both: list[Client], story: Callable[[Client], list[Any]]) -> list[Any]:
    real, ours = (story(client) for client in both)
    assert ours == real
    return ours


def test_requests_of_an_api_server(both: list[Client]) -> None:
    """Create, update, delete, get, list, count and compact as kube-apiserver 1.36 sends them."""
    key = b"/registry/pods/default/a"

    def write(mod: int, op: Any, *otherwise: Any) -> Any:
        condition = pb.Compare(target=pb.Compare.MOD, result=pb.Compare.EQUAL, key=key, mod_revision=mod)
        return pb.TxnRequest(compare=[condition], success=[op], failure=list(otherwise))

    def put(value: bytes, lease: int = 0) -> Any:
        return pb.RequestOp(request_put=pb.PutRequest(key=key, value=value, lease=lease))

    def story(client: Client) -> list[Any]:
        get = pb.RequestOp(request_range=pb.RangeRequest(key=key))
        delete = pb.RequestOp(request_delete_range=pb.DeleteRangeRequest(key=key))
        version = pb.Compare(target=pb.Compare.VERSION, result=pb.Compare.EQUAL, key=b"compact_rev_key", version=0)
        compaction = pb.RequestOp(request_put=pb.PutRequest(key=b"compact_rev_key", value=b"3"))
        current = pb.RequestOp(request_range=pb.RangeRequest(key=b"compact_rev_key"))
        prefix = {"key": b"/registry/pods/", "range_end": b"/registry/pods0"}
        return [
            client.ask(client.kv.Range, pb.RangeRequest(key=b"/registry/health")),
            client.ask(client.kv.Txn, write(0, put(b"1"))),
            client.ask(client.kv.Txn, write(0, put(b"1"))),
            client.ask(client.kv.Txn, write(2, put(b"2"), get)),
            client.ask(client.kv.Txn, write(2, put(b"3"), get)),
            client.ask(client.kv.Range, pb.RangeRequest(**prefix, limit=1)),
            client.ask(client.kv.Range, pb.RangeRequest(**prefix, limit=1, revision=2)),
            client.ask(client.kv.Range, pb.RangeRequest(**prefix, count_only=True)),
            client.ask(client.kv.Range, pb.RangeRequest(**prefix, keys_only=True)),
            client.ask(client.lease.LeaseGrant, pb.LeaseGrantRequest(TTL=3660, ID=5)),
            client.ask(client.kv.Txn, write(3, put(b"3", lease=5), get)),
            client.ask(client.kv.Txn, write(4, delete, get)),
            client.ask(client.kv.Txn, pb.TxnRequest(compare=[version], success=[compaction], failure=[current])),
            client.ask(client.kv.Txn, pb.TxnRequest(compare=[version], success=[compaction], failure=[current])),
            client.ask(client.kv.Compact, pb.CompactionRequest(revision=3)),
            client.ask(client.kv.Range, pb.RangeRequest(**prefix, revision=2)),
            client.ask(client.kv.Range, pb.RangeRequest(**prefix, revision=100)),
        ]

    same(both, story)


def test_bad_requests(both: list[Client]) -> None:
    def nested(depth: int) -> Any:
        op = pb.RequestOp(request_put=pb.PutRequest(key=b"k"))
        for _ in range(depth):
            op = pb.RequestOp(request_txn=pb.TxnRequest(success=[op]))
        return op

    def story(client: Client) -> list[Any]:
        puts = [pb.RequestOp(request_put=pb.PutRequest(key=b"k%d" % i)) for i in range(129)]
        requests: list[tuple[Any, Any]] = [
            (client.kv.Put, pb.PutRequest()),
            (client.kv.Put, pb.PutRequest(key=b"a", value=b"x" * MAX_REQUEST_BYTES)),
            (client.kv.Put, pb.PutRequest(key=b"a", value=b"x", ignore_value=True)),
            (client.kv.Put, pb.PutRequest(key=b"a", lease=1, ignore_lease=True)),
            (client.kv.Put, pb.PutRequest(key=b"a", ignore_value=True)),
            (client.kv.Put, pb.PutRequest(key=b"a", lease=404)),
            (client.kv.Put, pb.PutRequest(key=b"\x00\xff" * 50_000, value=bytes(range(256)))),
            (client.kv.Range, pb.RangeRequest()),
            (client.kv.Range, pb.RangeRequest(key=b"a", revision=-5)),
            (client.kv.Range, pb.RangeRequest(key=b"a", limit=-5)),
            (client.kv.DeleteRange, pb.DeleteRangeRequest()),
            (client.kv.Txn, pb.TxnRequest()),
            (client.kv.Txn, pb.TxnRequest(success=[pb.RequestOp()])),
            (client.kv.Txn, pb.TxnRequest(compare=[pb.Compare()])),
            (client.kv.Txn, pb.TxnRequest(success=puts)),
            (client.kv.Txn, pb.TxnRequest(success=puts[:128])),
            (client.kv.Txn, pb.TxnRequest(success=[puts[0], puts[0]])),
            (client.kv.Txn, pb.TxnRequest(success=[nested(3)])),
            (client.kv.Txn, pb.TxnRequest(success=[nested(30)])),
            (client.kv.Compact, pb.CompactionRequest(revision=1000)),
            (client.lease.LeaseGrant, pb.LeaseGrantRequest(TTL=0, ID=1)),
            (client.lease.LeaseGrant, pb.LeaseGrantRequest(TTL=-1, ID=2)),
            (client.lease.LeaseGrant, pb.LeaseGrantRequest(TTL=10, ID=1)),
            (client.lease.LeaseGrant, pb.LeaseGrantRequest(TTL=9_000_000_001, ID=3)),
            (client.lease.LeaseRevoke, pb.LeaseRevokeRequest(ID=404)),
            (client.lease.LeaseTimeToLive, pb.LeaseTimeToLiveRequest(ID=404)),
        ]
        return [client.ask(method, request) for method, request in requests]

    same(both, story)


def test_watch_streams(both: list[Client]) -> None:
    def story(client: Client) -> list[Any]:
        put, delete = client.kv.Put, client.kv.DeleteRange
        watching, heard = Watching(client), []
        watching.create(b"a", range_end=b"c", prev_kv=True)
        watching.create(b"a", filters=[pb.WatchCreateRequest.NOPUT])
        watching.create(b"a", watch_id=7, filters=[pb.WatchCreateRequest.NODELETE])
        heard += watching.answers(3)
        watching.create(b"a", watch_id=7)
        heard += watching.answers(1)
        put(pb.PutRequest(key=b"a", value=b"1"))
        heard += sorted(watching.answers(2))
        delete(pb.DeleteRangeRequest(key=b"a"))
        heard += sorted(watching.answers(2))
        watching.progress()
        heard += watching.answers(1)
        for id in (0, 1, 7):
            watching.cancel(id)
        heard += watching.answers(3)
        put(pb.PutRequest(key=b"b", value=b"2"))
        put(pb.PutRequest(key=b"b", value=b"3"))
        watching.create(b"a", range_end=b"c", start_revision=2, prev_kv=True)
        watching.answers(1)
        heard += watching.events(4)
        client.kv.Compact(pb.CompactionRequest(revision=4))
        watching.create(b"b", start_revision=3)
        heard += watching.answers(2)
        watching.create(b"", range_end=ALL_KEYS, start_revision=6)
        watching.answers(1)
        put(pb.PutRequest(key=b"d"))
        heard += watching.events(1)
        watching.close()
        return heard

    same(both, story)


def test_random_histories_through_our_server() -> None:
    with our_etcd() as address:
        remote = GrpcStore(f"etcd://{address}")
        for seed in range(150):
            remote.put(b"start", b"")
            remote.delete_range(b"\0", ALL_KEYS)
            remote.compact(remote.revision)
            store, history = Store(Loop()), History(seed)
            store.load([], remote.revision, [])
            history.base = history.revision = store.revision
            seen = [Recorder(each, b"\0", ALL_KEYS) for each in (store, remote)]
            for _ in range(20):
                kind, what = history.step()
                assert perform(store, kind, what) == perform(remote, kind, what)
                history.revision, history.leases = store.revision, list(store.leases.leases)
            assert seen[0] == seen[1]
            start = store.compact_revision + 1
            assert Recorder(store, b"\0", ALL_KEYS, start) == Recorder(remote, b"\0", ALL_KEYS, start)
            for lease in history.leases:
                remote.revoke(lease)
        remote.close()


def test_a_slow_client_hears_everything_in_order() -> None:
    with our_etcd() as address:
        writer, client = Client(address), Client(address)
        watching = Watching(client)
        watching.create(b"k")
        watching.answers(1)
        for number in range(3000):
            writer.kv.Put(pb.PutRequest(key=b"k", value=b"%d" % number + b" " * 2000))
        heard = [event.split('value: "')[1].split(" ")[0] for event in watching.events(3000)]
        assert heard == [str(number) for number in range(3000)]
        watching.close()


def test_clients_that_vanish_leave_nothing_behind() -> None:
    loop = WallLoop()
    store = Store(loop)
    with serving(store, loop) as address:
        for _ in range(20):
            client = Client(address)
            watching = Watching(client)
            watching.create(b"a")
            watching.answers(1)
            keep = client.lease.LeaseKeepAlive(iter([pb.LeaseKeepAliveRequest(ID=1)]))
            next(iter(keep))
            client.channel.close()
        last = Client(address)
        done = threading.Event()
        for _ in range(100):
            last.kv.Put(pb.PutRequest(key=b"a", value=b"1"))
            if not store._watchers._all:
                done.set()
                break
            done.wait(0.05)
        assert done.is_set()
        with contextlib.closing(last.channel):
            assert "value" in last.ask(last.kv.Range, pb.RangeRequest(key=b"a"))
