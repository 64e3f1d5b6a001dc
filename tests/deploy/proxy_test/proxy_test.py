# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Goal: behind a proxy a session has one replica, and its loss is reported, never hidden. Method:
run real servers behind the real proxy with the filled-in template, and compare with the servers'
lists of their sessions."""

import collections
import pathlib
import queue
import re
import tempfile
import time
import unittest

import example  # Generates the stubs.
import fill_in
import grpc
import programs
from proxy import Envoy, HaProxy, Nginx
from replica import Replica
from rnnserve.v1 import inference_pb2 as api
from rnnserve.v1 import inference_pb2_grpc, session_pb2

TIMEOUT_S, START_S = 20, 60
NUM_LONG_STEPS = 600
MINUTE_S = 60
OK, UNAVAILABLE = grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE
CANCELLED, NOT_FOUND = grpc.StatusCode.CANCELLED, grpc.StatusCode.NOT_FOUND
# The codes of a call whose connection to its replica was cut; they depend on the proxy and on what
# was in flight.
CUT = {UNAVAILABLE, CANCELLED, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN}
VALUE = example.to_tensor([[50.0]])
MANY_VALUES = example.to_tensor(4096 * [[50.0]])
SECONDS_OF = {"s": 1, "m": 60, "h": 3600}


def wait_until(is_true, seconds=20):
    """Asserts that a condition becomes true, and checks it often."""
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.02)


class Caller:
    """A client with one connection to the proxy. With `session_id` None it omits the metadata."""

    def __init__(self, address):
        options = [("grpc.use_local_subchannel_pool", 1)]
        self.channel = grpc.insecure_channel(address, options=options)
        self._calls = inference_pb2_grpc.InferenceServiceStub(self.channel)

    def open(self, session_id):
        request = session_pb2.OpenSessionRequest(model="sunspots", session_id=session_id or "")
        return self._calls.OpenSession(request, **self._meant_for(session_id))

    def step(self, session_id, index):
        request = session_pb2.StepRequest(session_id=session_id, input=VALUE, step_index=index)
        return self._calls.Step(request, **self._meant_for(session_id))

    def code_of_step(self, session_id, index):
        """Returns OK or the code of the error."""
        try:
            self.step(session_id, index)
            return OK
        except grpc.RpcError as error:
            return error.code()

    def long_step(self, session_id):
        """Sends a step that takes its replica some milliseconds, and does not wait."""
        request = session_pb2.StepRequest(session_id=session_id, input=MANY_VALUES)
        return self._calls.Step.future(request, **self._meant_for(session_id))

    def stream(self, session_id):
        return OpenStream(self._calls.Stream, self._meant_for(session_id))

    @staticmethod
    def _meant_for(session_id):
        metadata = [("x-session-id", session_id)] if session_id else []
        return {"metadata": metadata, "timeout": TIMEOUT_S}


class OpenStream:
    def __init__(self, call, options):
        self._requests = queue.SimpleQueue()
        self._replies = call(iter(self._requests.get, None), **options)

    def send_open(self, session_id):
        self._send(open=session_pb2.OpenSessionRequest(model="sunspots", session_id=session_id))

    def send_step(self, session_id):
        self._send(step=session_pb2.StepRequest(session_id=session_id, input=VALUE))

    def answer(self):
        (result,) = next(self._replies).results
        return result.WhichOneof("kind")

    def code_of_end(self):
        """Returns None if the stream ends well. Ignores the notices before the end."""
        try:
            for reply in self._replies:
                assert not reply.results
        except grpc.RpcError as error:
            return error.code()
        return None

    def close(self):
        self._requests.put(None)

    def _send(self, **kind):
        self._requests.put(api.StreamRequest(actions=[api.StreamAction(tag=1, **kind)]))


class ProxyTest:
    """The tests for every proxy. Each test has a cluster of its own."""

    def setUp(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        self.replicas = [Replica(index, folder) for index in range(3)]
        for replica in self.replicas:
            self.addCleanup(replica.kill)
            replica.start()
        wait_until(lambda: all([replica.has_started() for replica in self.replicas]), START_S)
        self.proxy = self.PROXY(folder, [replica.address for replica in self.replicas])
        self.addCleanup(self.proxy.stop)
        self.proxy.start()
        self.caller = Caller(self.proxy.address)
        self.addCleanup(self.caller.channel.close)

    def open_sessions(self, number):
        ids = [f"session-{index}" for index in range(number)]
        for session_id in ids:
            self.caller.open(session_id)
        return ids

    def long_steps(self, session_id):
        """Queues steps that keep a replica busy for seconds. Returns once enough of them are done
        that the others have arrived."""
        steps = [self.caller.long_step(session_id) for _ in range(NUM_LONG_STEPS)]
        steps[NUM_LONG_STEPS // 6].result()
        return steps

    def owners(self):
        """Returns {id: index of the replica that has it}; each has exactly one."""
        held = [(session_id, replica.index) for replica in self.replicas
                if replica.is_running() for session_id in replica.session_ids()]
        self.assertEqual(len(held), len(dict(held)), "a session is in two replicas")
        return dict(held)

    def num_refused_by(self, replica, ids):
        """Steps each session and returns how many of the steps this replica refused."""
        before = replica.metrics()
        self.codes_of_steps(ids, 0)
        return replica.metrics().growth(before, "rnnserve_errors_total", method="Step")

    def codes_of_steps(self, ids, index):
        return collections.Counter(self.caller.code_of_step(each, index) for each in ids)

    def test_configuration_is_valid(self):
        code, text = self.proxy.check()
        self.assertEqual(code, 0, text)

    def test_sessions_are_spread_and_stay(self):
        ids = self.open_sessions(200)
        owners = self.owners()

        for index in range(3):
            for session_id in ids:
                self.assertEqual(self.caller.step(session_id, index).version, index + 1)

        self.assertEqual(self.owners(), owners)
        self.assertEqual(set(owners), set(ids))
        for index, number in collections.Counter(owners.values()).items():
            self.assertGreater(number, 30, f"replica {index}: {number} of 200")

    def test_a_stream_finds_the_session_of_a_unary_call(self):
        for session_id in self.open_sessions(20):
            stream = self.caller.stream(session_id)
            stream.send_step(session_id)
            self.assertEqual(stream.answer(), "step")
            stream.close()

    def test_calls_without_a_session_are_shared(self):
        for _ in range(30):
            self.caller.open(None)
        self.assertEqual(set(self.owners().values()), {0, 1, 2})

    def test_a_killed_replica_takes_only_its_own_sessions(self):
        ids = self.open_sessions(200)
        owners = self.owners()
        lost = [session_id for session_id in ids if owners[session_id] == 1]
        kept = [session_id for session_id in ids if owners[session_id] != 1]

        self.replicas[1].kill()
        for index in range(10):
            self.assertEqual(self.codes_of_steps(kept, index), {OK: len(kept)})
            told = self.codes_of_steps(lost, 0)
            self.assertLessEqual(set(told), CUT | {NOT_FOUND})

        # By now, another replica has taken over their place and reports that it does not know them.
        wait_until(lambda: set(self.codes_of_steps(lost, 0)) == {NOT_FOUND})

    def test_a_replica_that_returns_moves_no_session(self):
        ids = self.open_sessions(200)
        owners = self.owners()
        lost = [session_id for session_id in ids if owners[session_id] == 1]
        kept = [session_id for session_id in ids if owners[session_id] != 1]
        self.replicas[1].kill()
        wait_until(lambda: set(self.codes_of_steps(lost, 0)) == {NOT_FOUND})

        self.replicas[1].start()
        wait_until(self.replicas[1].has_started)
        wait_until(lambda: self.num_refused_by(self.replicas[1], lost) == len(lost))

        self.assertEqual(self.codes_of_steps(kept, 0), {OK: len(kept)})
        self.assertEqual(self.codes_of_steps(lost, 0), {NOT_FOUND: len(lost)})
        for session_id in lost:
            self.caller.open(session_id)
        self.assertEqual(self.owners(), owners)

    def test_steps_of_a_killed_replica_are_not_sent_again(self):
        (session_id,) = self.open_sessions(1)
        owner = self.replicas[self.owners()[session_id]]
        steps = self.long_steps(session_id)

        owner.kill()

        codes = {step.code() for step in steps} - {OK}
        self.assertTrue(codes)
        self.assertLessEqual(codes, CUT | {NOT_FOUND})
        for replica in self.replicas:
            if replica is not owner:
                self.assertEqual(replica.metrics().total("rnnserve_steps_total"), 0)

    def test_a_draining_replica_finishes_its_steps_and_moves_no_session(self):
        ids = self.open_sessions(60)
        owners = self.owners()
        own = [session_id for session_id in ids if owners[session_id] == 0]
        others = [session_id for session_id in ids if owners[session_id] != 0]
        stream = self.caller.stream(own[0])
        stream.send_step(own[0])
        self.assertEqual(stream.answer(), "step")
        steps = self.long_steps(own[1])

        self.replicas[0].drain()

        self.assertIn(stream.code_of_end(), self.CODES_OF_A_DRAINED_STREAM)
        while self.replicas[0].is_running():
            told = self.codes_of_steps(own[2:], 0)
            self.assertLessEqual(set(told), CUT | {NOT_FOUND})
            self.assertEqual({self.caller.code_of_step(each, 0) for each in others}, {OK})
        self.assertLessEqual({step.code() for step in steps}, {OK, NOT_FOUND} | CUT)
        self.assertEqual(self.replicas[0].exit_code, 0)
        self.assertEqual(self.owners(), {each: owners[each] for each in others})

    def test_150_streams_of_one_connection_all_answer(self):
        streams = {}
        for index in range(150):
            streams[f"own-{index}"] = self.caller.stream(f"own-{index}")
        for session_id, stream in streams.items():
            stream.send_open(session_id)
        self.assertEqual({stream.answer() for stream in streams.values()}, {"open"})

        for session_id, stream in streams.items():
            stream.send_step(session_id)
        self.assertEqual({stream.answer() for stream in streams.values()}, {"step"})

        for stream in streams.values():
            stream.close()

    def test_a_stream_may_be_silent_for_five_minutes(self):
        text = self.proxy.configuration.read_text()
        for setting in self.IDLE_TIMEOUTS:
            with self.subTest(setting):
                number, unit = re.search(rf"^ +{setting} +(\d+)([smh])\b", text, re.M).groups()
                self.assertGreater(int(number) * SECONDS_OF[unit], 5 * MINUTE_S)


class HaProxyTest(ProxyTest, unittest.TestCase):
    PROXY = HaProxy
    # HAProxy may lose the status of a stream that the server ends first.
    CODES_OF_A_DRAINED_STREAM = {UNAVAILABLE, CANCELLED}
    IDLE_TIMEOUTS = ("timeout client", "timeout server")

    def setUp(self):
        super().setUp()
        self.await_all_up()

    def await_all_up(self):
        wait_until(lambda: set(self.proxy.replica_states().values()) == {"UP"})

    def test_a_paused_replica_is_down_and_its_streams_are_cut(self):
        (session_id,) = self.open_sessions(1)
        owner = self.replicas[self.owners()[session_id]]
        stream = self.caller.stream(session_id)
        stream.send_step(session_id)
        self.assertEqual(stream.answer(), "step")

        owner.pause()
        self.assertEqual(stream.code_of_end(), CANCELLED)
        self.assertEqual(self.proxy.replica_states()[f"rnn-{owner.index}"], "DOWN")

        owner.resume()
        self.await_all_up()
        self.assertEqual(self.caller.step(session_id, 1).version, 2)

    def test_a_draining_replica_gets_no_new_calls(self):
        (session_id,) = self.open_sessions(1)
        owner = self.replicas[self.owners()[session_id]]
        steps = self.long_steps(session_id)

        owner.drain()
        wait_until(lambda: self.proxy.replica_states()[f"rnn-{owner.index}"] == "NOLB")

        # The draining replica did not refuse the call: it went to another one.
        self.assertEqual(self.caller.open("new").session_id, "new")
        self.assertEqual(self.caller.code_of_step(session_id, 0), NOT_FOUND)
        self.assertLessEqual({step.code() for step in steps}, {OK, NOT_FOUND} | CUT)

    def test_the_health_check_is_what_it_says(self):
        def text(value):
            return bytes([len(value)]) + value.encode()

        def frame(kind, flags, stream, payload):
            head = len(payload).to_bytes(3, "big") + bytes([kind, flags])
            return (head + stream.to_bytes(4, "big") + payload).hex()

        # The headers are HPACK without compression; numbers stand for names of its static table.
        headers = (b"\x83\x86" + b"\x04" + text("/grpc.health.v1.Health/Check") + b"\x01"
                   + text("health") + b"\x0f\x10" + text("application/grpc") + b"\x00" + text("te")
                   + text("trailers"))
        sent = re.findall(r"send-binary (\w+)", self.proxy.configuration.read_text())
        self.assertEqual(sent, [
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".hex(), frame(4, 0, 0, b""),
            frame(1, 4, 1, headers), frame(0, 1, 1, bytes(5))])


class NginxTest(ProxyTest, unittest.TestCase):
    PROXY = Nginx
    CODES_OF_A_DRAINED_STREAM = {UNAVAILABLE}
    IDLE_TIMEOUTS = ("client_body_timeout", "send_timeout", "grpc_read_timeout",
                     "grpc_send_timeout")


class EnvoyTest(ProxyTest, unittest.TestCase):
    PROXY = Envoy
    CODES_OF_A_DRAINED_STREAM = {UNAVAILABLE}
    IDLE_TIMEOUTS = ("stream_idle_timeout:",)

    def setUp(self):
        super().setUp()
        self.await_all_up()

    def await_all_up(self):
        wait_until(lambda: set(self.proxy.replica_states().values()) == {"UP"})

    def await_down(self, replica):
        names = {f"rnn-{replica.index}", f"measure-{replica.index}"}
        wait_until(lambda: {name for name, state in self.proxy.replica_states().items()
                            if state == "DOWN"} == names)

    def test_each_replica_has_the_same_places_whichever_are_up(self):
        for num_up in (3, 2, 1):
            with self.subTest(num_up):
                wait_until(lambda: self.proxy.ring()["size"] == num_up * 257)
                self.assertEqual(self.proxy.ring(), {
                    "size": num_up * 257, "min_hashes_per_host": 1, "max_hashes_per_host": 256})
            self.replicas[num_up - 1].kill()

    def test_a_draining_replica_gets_no_new_calls(self):
        (session_id,) = self.open_sessions(1)
        owner = self.replicas[self.owners()[session_id]]
        steps = self.long_steps(session_id)

        owner.drain()
        self.await_down(owner)

        # The draining replica did not refuse the call: it went to another one.
        self.assertEqual(self.caller.open("new").session_id, "new")
        self.assertEqual(self.caller.code_of_step(session_id, 0), NOT_FOUND)
        self.assertLessEqual({step.code() for step in steps}, {OK, NOT_FOUND} | CUT)

    def test_a_place_on_the_ring_belongs_to_a_place_in_the_list(self):
        ids = self.open_sessions(30)
        owners = self.owners()
        folder = self.enterContext(tempfile.TemporaryDirectory())
        turned = self.PROXY(folder, [replica.address for replica in self.replicas[::-1]])
        self.addCleanup(turned.stop)
        turned.start()
        wait_until(lambda: set(turned.replica_states().values()) == {"UP"})
        caller = Caller(turned.address)
        self.addCleanup(caller.channel.close)

        codes = {session_id: caller.code_of_step(session_id, 0) for session_id in ids}

        # Only the replica in the middle has kept its place.
        self.assertEqual(codes, {session_id: OK if owners[session_id] == 1 else NOT_FOUND
                                 for session_id in ids})

    def test_a_paused_replica_is_skipped_until_it_wakes(self):
        (session_id,) = self.open_sessions(1)
        owner = self.replicas[self.owners()[session_id]]

        owner.pause()
        self.await_down(owner)
        self.assertEqual(self.caller.code_of_step(session_id, 0), NOT_FOUND)

        owner.resume()
        self.await_all_up()
        self.assertEqual(self.caller.step(session_id, 0).version, 1)


class TemplatesTest(unittest.TestCase):
    """The result of filling in a template, without a proxy."""

    def test_a_replica_that_is_left_out_keeps_its_place(self):
        template = "bind @listen@\n# not @replica@\nserver rnn-@index@ @replica@ id @number@\n"
        self.assertEqual(
            fill_in.fill_in(template, "a:1", "f", ["b:2", "-", "c:3"]),
            "bind a:1\n# not @replica@\nserver rnn-0 b:2 id 1\nserver rnn-2 c:3 id 3\n")

    def test_an_address_is_also_a_host_and_a_port(self):
        template = "at @listen_host@ @listen_port@\n- @replica_host@ @replica_port@\n"
        self.assertEqual(
            fill_in.fill_in(template, "[::1]:1", "f", ["b:2", "[::2]:3"]),
            "at ::1 1\n- b 2\n- ::2 3\n")

    def test_an_unknown_word_is_refused(self):
        with self.assertRaises(KeyError):
            fill_in.fill_in("bind @port@\n", "a:1", "f", ["b:2"])

    def test_no_proxy_sends_a_call_again(self):
        folder = pathlib.Path(programs.ROOT / "deploy/proxy")
        settings = {"haproxy.cfg": ["retries 0", "retry-on none", "no option redispatch"],
                    "nginx.conf": ["grpc_next_upstream off;"],
                    # Envoy may only retry requests that were never sent.
                    "envoy.yaml": ["retry_on: connect-failure"]}
        for name, lines in settings.items():
            text = (folder / name).read_text(encoding="utf-8")
            for line in lines:
                with self.subTest(line):
                    self.assertRegex(text, rf"(?m)^ +{line}$")


if __name__ == "__main__":
    unittest.main(verbosity=2)
