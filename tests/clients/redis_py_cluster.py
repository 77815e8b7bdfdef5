"""Round trips of redis-py's cluster client. Arguments: a port to start from, then every port that a core has."""

import sys

from redis.cluster import RedisCluster

START, CORES = int(sys.argv[1]), [int(port) for port in sys.argv[2:]]


def expect(what, expected):
    assert what == expected, f"{what!r} is not {expected!r}"


client = RedisCluster(host="127.0.0.1", port=START)
nodes = client.get_nodes()
expect(sorted(node.port for node in nodes), sorted(CORES))
for i in range(3000):
    client.set(f"key:{i}", i)
for i in range(3000):
    expect(client.get(f"key:{i}"), str(i).encode())
expect(client.dbsize(target_nodes=RedisCluster.PRIMARIES), 3000)
expect(len(set(client.scan_iter(match="key:*", count=100))), 3000)
expect(client.mget("{tag}1", "{tag}2"), [None, None])
expect(client.mset({"{tag}1": 1, "{tag}2": 2}), True)
expect(client.mget("{tag}1", "{tag}2"), [b"1", b"2"])
assert all(client.mset_nonatomic({f"n{i}": i for i in range(50)}))
expect(client.mget_nonatomic([f"n{i}" for i in range(50)]), [str(i).encode() for i in range(50)])
pipe = client.pipeline()
for i in range(1000):
    pipe.set(f"pipe:{i}", i)
    pipe.get(f"pipe:{i}")
expect(pipe.execute()[1::2], [str(i).encode() for i in range(1000)])
for i in range(100):
    node = client.get_node_from_key(f"key:{i}")
    assert node.port in CORES
    expect(client.cluster_keyslot(f"key:{i}"), client.keyslot(f"key:{i}"))
slot = client.keyslot("key:1")
assert client.cluster_countkeysinslot(slot) >= 1
in_slot = client.cluster_get_keys_in_slot(slot, 1000)
assert b"key:1" in in_slot or "key:1" in in_slot, in_slot
expect(client.cluster_info(target_nodes=RedisCluster.RANDOM)["cluster_state"], "ok")
expect(client.delete("key:1"), 1)
expect(client.exists("key:1"), 0)
assert client.flushall(target_nodes=RedisCluster.PRIMARIES)
expect(client.dbsize(target_nodes=RedisCluster.PRIMARIES), 0)
print("round trips done")
