"""Round trips of redis-py against one port, as an application would use it. Arguments: port, protocol."""

import sys

import redis

PORT, PROTOCOL = int(sys.argv[1]), int(sys.argv[2])


def expect(what, expected):
    assert what == expected, f"{what!r} is not {expected!r}"


def strings(r):
    expect(r.set("k", "v"), True)
    expect(r.get("k"), b"v")
    expect(r.set("k", "w", nx=True), None)
    expect(r.set("k", "w", get=True), b"v")
    expect(r.getex("k", ex=100), b"w")
    assert 98 <= r.ttl("k") <= 100
    expect(r.getdel("k"), b"w")
    expect(r.append("a", "hello"), 5)
    expect(r.setrange("a", 1, "EL"), 5)
    expect(r.getrange("a", 0, 2), b"hEL")
    expect(r.strlen("a"), 5)
    expect(r.incrby("n", 5), 5)
    expect(r.decr("n"), 4)
    expect(r.incrbyfloat("f", 1.5), 1.5)
    expect(r.mset({f"m{i}": i for i in range(100)}), True)
    expect(r.mget([f"m{i}" for i in range(100)]), [str(i).encode() for i in range(100)])
    expect(r.msetnx({"m1": 1, "z": 1}), False)
    expect(r.mset({"s1": "ohmytext", "s2": "mynewtext"}), True)
    expect(r.lcs("s1", "s2"), b"mytext")
    expect(r.execute_command("LCS", "s1", "s2", "LEN"), 6)
    every = bytes(range(256))
    expect(r.set(every, every), True)
    expect(r.get(every), every)


def generic(r):
    r.flushall()
    r.mset({f"key:{i}": i for i in range(1000)})
    expect(r.dbsize(), 1000)
    expect(len(set(r.scan_iter(match="key:*", count=50))), 1000)
    expect(len(r.keys("key:1?")), 10)
    expect(r.exists("key:1", "key:2", "nokey"), 2)
    expect(r.delete(*[f"key:{i}" for i in range(500)]), 500)
    expect(r.rename("key:999", "renamed"), True)
    expect(r.copy("renamed", "copied"), True)
    expect(r.type("copied"), b"string")
    expect(r.expire("copied", 100, nx=True), True)
    expect(r.expire("copied", 50, gt=True), False)
    expect(r.persist("copied"), True)
    expect(r.object("encoding", "copied"), b"int")
    assert r.randomkey() is not None
    expect(r.move("copied", 3), True)


def server(r):
    expect(r.ping(), True)
    expect(r.echo("x"), b"x")
    info = r.info()
    assert info["redis_version"] and info["used_memory"] > 0, info
    assert len(r.time()) == 2
    expect(r.config_get("maxmemory")["maxmemory"], "0")
    expect(r.config_set("maxmemory", "100mb"), True)
    expect(r.config_get("maxmemory")["maxmemory"], str(100 * 1024 * 1024))
    expect(r.config_set("maxmemory", "0"), True)
    commands = r.command()
    assert commands["get"]["arity"] == 2, commands["get"]
    assert r.client_id() > 0
    expect(r.client_setname("me"), True)
    expect(r.client_getname() in (b"me", "me"), True)
    assert any(client["name"] == "me" for client in r.client_list())
    assert r.memory_usage("a_key") is None
    r.set("a_key", "x" * 100)
    assert r.memory_usage("a_key") >= 105
    r.slowlog_reset()
    expect(r.slowlog_len(), 0)


def pipelines(r):
    pipe = r.pipeline(transaction=False)
    for i in range(2000):
        pipe.set(f"p{i}", i).get(f"p{i}")
    replies = pipe.execute()
    expect(replies[1::2], [str(i).encode() for i in range(2000)])


def errors(r):
    for command in (["NOSUCH"], ["GET"], ["SET", "k", "v", "EX", "x"], ["INCR", "text"]):
        r.set("text", "text")
        try:
            r.execute_command(*command)
        except redis.ResponseError:
            continue
        raise AssertionError(f"{command} did not fail")


def many_connections():
    clients = [redis.Redis(port=PORT, protocol=PROTOCOL) for _ in range(50)]
    for number, client in enumerate(clients):
        client.set("shared", number)
        expect(clients[0].get("shared"), str(number).encode())


client = redis.Redis(port=PORT, protocol=PROTOCOL)
client.flushall()
for part in (strings, generic, server, pipelines, errors):
    part(client)
many_connections()
other = redis.Redis(port=PORT, db=5, protocol=PROTOCOL, decode_responses=True)
other.set("five", "fünf")
expect(other.get("five"), "fünf")
expect(client.get("five"), None)
print("round trips done")
