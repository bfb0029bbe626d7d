"""Writes random documents in CBOR and MessagePack, as cbor2 and msgpack encode them, with the JSON that they mean.

Each line of stdout is an object with `cbor` and `msgpack` in hexadecimal, and `cbor_json` and `msgpack_json`.
"""

import argparse
import base64
import decimal
import json
import math
import random
import string
import struct

import cbor2
import msgpack

# Text with letters of two, three and four bytes.
LETTERS = string.ascii_letters + string.digits + " ._-/äß°µ中😀\"\\\n"


class Maker:
    """Makes one document: a value for each encoder, and the JSON that each means."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def text(self, longest=12):
        length = self.random.choice([0, 1, 3, longest, longest * 3, longest * 6])
        return "".join(self.random.choices(LETTERS, k=self.random.randint(0, length)))

    def integer(self):
        bits = self.random.choice([1, 4, 5, 6, 8, 16, 31, 32, 33, 53, 63])
        number = self.random.getrandbits(bits)
        return number if self.random.random() < 0.5 else -number - 1

    def double(self):
        kind = self.random.randrange(6)
        if kind == 0:
            return struct.unpack("<d", self.random.getrandbits(64).to_bytes(8, "little"))[0]
        if kind == 1:
            # Half and single precision hold these.
            return self.random.randint(-2048, 2048) / 8
        return round(self.random.uniform(-1e4, 1e4), self.random.randint(0, 6))

    def key(self):
        """Returns a key and its text in JSON."""
        if self.random.random() < 0.15:
            number = self.random.randint(-1000, 1000)
            return number, str(number)
        text = self.text(8)
        return text, text

    def scalar(self):
        """Returns what cbor2 and msgpack encode, and what both are in JSON."""
        kind = self.random.randrange(12)
        if kind == 0:
            return (None, None), (None, None)
        if kind == 1:
            value = self.random.random() < 0.5
            return (value, value), (value, value)
        if kind in (2, 3, 4):
            value = self.integer()
            return (value, value), (value, value)
        if kind in (5, 6):
            value = self.double()
            meaning = value if math.isfinite(value) else None
            return (value, value), (meaning, meaning)
        if kind == 7:
            data = self.random.randbytes(self.random.choice([0, 1, 2, 23, 24, 255, 256]))
            meaning = base64.urlsafe_b64encode(data).rstrip(b"=").decode()
            return (data, data), (meaning, meaning)
        if kind == 8:
            return self.only_cbor()
        if kind == 9:
            return self.only_msgpack()
        value = self.text()
        return (value, value), (value, value)

    def only_cbor(self):
        """Returns a value that msgpack does not have; null stands for it there."""
        kind = self.random.randrange(4)
        if kind == 0:
            value = self.random.getrandbits(self.random.randint(65, 900))
            value = value if self.random.random() < 0.5 else -value - 1
            return (value, None), (float(value) if abs(value) >= 2**64 else value, None)
        if kind == 1:
            value = decimal.Decimal(self.random.randint(-(10**12), 10**12)).scaleb(-self.random.randint(0, 9))
            return (value, None), (float(value), None)
        if kind == 2:
            return (cbor2.undefined, None), (None, None)
        value = self.text()
        return (cbor2.CBORTag(self.random.choice([32, 1000, 55799]), value), None), (value, None)

    def only_msgpack(self):
        if self.random.random() < 0.5:
            # 2001 to 2099, in whole milliseconds.
            time = msgpack.Timestamp(self.random.randint(10**9, 4 * 10**9), self.random.randrange(1000) * 10**6)
            meaning = time.to_datetime().isoformat(timespec="milliseconds" if time.nanoseconds else "seconds")
            return (None, time), (None, meaning.replace("+00:00", "Z"))
        data = self.random.randbytes(self.random.choice([1, 2, 3, 4, 8, 16, 300]))
        meaning = base64.urlsafe_b64encode(data).rstrip(b"=").decode()
        return (None, msgpack.ExtType(self.random.randint(0, 127), data)), (None, meaning)

    def value(self, depth):
        if depth == 0 or self.random.random() < 0.3:
            return self.scalar()
        size = self.random.choice([0, 1, 2, 3, 5])
        if self.random.random() < 0.4:
            items = [self.value(depth - 1) for _ in range(size)]
            columns = zip(*((*values, *meanings) for values, meanings in items))
            lists = [list(column) for column in columns] or [[], [], [], []]
            return tuple(lists[:2]), tuple(lists[2:])
        maps = {}, {}, {}, {}
        for _ in range(size):
            key, name = self.key()
            # `1` and `"1"` would be one key in JSON.
            if name in maps[2]:
                continue
            values, meanings = self.value(depth - 1)
            for one, at, content in zip(maps, (key, key, name, name), (*values, *meanings)):
                one[at] = content
        return maps[:2], maps[2:]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    for number in range(options.count):
        maker = Maker(options.seed * 1_000_003 + number)
        (for_cbor, for_msgpack), (cbor_meaning, msgpack_meaning) = maker.value(maker.random.randint(0, 4))
        # Canonical CBOR has the shortest floating-point numbers, and keys in another order.
        cbor = cbor2.dumps(for_cbor, canonical=maker.random.random() < 0.5)
        packed = msgpack.packb(for_msgpack, use_bin_type=True)
        line = {"cbor": cbor.hex(), "cbor_json": json.dumps(cbor_meaning)}
        line |= {"msgpack": packed.hex(), "msgpack_json": json.dumps(msgpack_meaning)}
        print(json.dumps(line))


if __name__ == "__main__":
    main()
