import { describe, expect, test } from 'vitest';
import { unpickle } from '@/core/interop/pickle';
import { NumpyArray, PYTHON_GLOBALS } from '@/core/interop/pickleGlobals';
import { OrderedDict, PickleTuple, type PickleValue } from '@/core/interop/pickleValues';

const base64 = (text: string) => new Uint8Array(Buffer.from(text, 'base64'));
const read = (bytes: Uint8Array): PickleValue =>
  unpickle(bytes, { file: 'x.pth', globals: PYTHON_GLOBALS }).value;
/** Pickle instructions by their letters and bytes. */
const assemble = (...parts: (string | number | readonly number[])[]) =>
  Uint8Array.from(
    parts.flatMap((part) =>
      typeof part === 'string'
        ? [...Buffer.from(part, 'latin1')]
        : typeof part === 'number'
          ? [part]
          : [...part],
    ),
  );

/** The same value, by Python's own `pickle.dumps(value, protocol)`. */
const BY_PROTOCOL = [
  'KGRwMApWbGlzdApwMQoobHAyCkkwCmFJLTEKYUkyNTUKYUk2NTUzNgphSS0yMTQ3NDgzNjQ4CmFMMTA5OTUxMTYyNzc3NkwKYUwxMTgwNTkxNjIwNzE3NDExMzAzNDI0TAphTC0xMTgwNTkxNjIwNzE3NDExMzAzNDI0TAphRjEuNQphRmluZgphc1Z0ZXh0CnAzClb8XHUwMDBhIidcdTAwNWMKcDQKc1ZieXRlcwpwNQpjX2NvZGVjcwplbmNvZGUKcDYKKFZcdTAwMDD/CnA3ClZsYXRpbjEKcDgKdHA5ClJwMTAKc1Z0dXBsZQpwMTEKKCh0KEkxCnRwMTIKKEkxCkkyCnRwMTMKKEkxCkkyCkkzCnRwMTQKKEkxCkkyCkkzCkk0CnRwMTUKdHAxNgpzVmZsYWdzCnAxNwoobHAxOApJMDEKYUkwMAphTmFzVnNldApwMTkKY19fYnVpbHRpbl9fCnNldApwMjAKKChscDIxCkk3CmF0cDIyClJwMjMKc1ZvZGljdApwMjQKY2NvbGxlY3Rpb25zCk9yZGVyZWREaWN0CnAyNQoodFJwMjYKVmEKcDI3CkkxCnNzVmFnYWluCnAyOApnMgpzLg==',
  'fXEAKFgEAAAAbGlzdHEBXXECKEsASv////9L/0oAAAEASgAAAIBMMTA5OTUxMTYyNzc3NkwKTDExODA1OTE2MjA3MTc0MTEzMDM0MjRMCkwtMTE4MDU5MTYyMDcxNzQxMTMwMzQyNEwKRz/4AAAAAAAAR3/wAAAAAAAAZVgEAAAAdGV4dHEDWAYAAADDvAoiJ1xxBFgFAAAAYnl0ZXNxBWNfY29kZWNzCmVuY29kZQpxBihYAwAAAADDv3EHWAYAAABsYXRpbjFxCHRxCVJxClgFAAAAdHVwbGVxCygpKEsBdHEMKEsBSwJ0cQ0oSwFLAksDdHEOKEsBSwJLA0sEdHEPdHEQWAUAAABmbGFnc3ERXXESKEkwMQpJMDAKTmVYAwAAAHNldHETY19fYnVpbHRpbl9fCnNldApxFChdcRVLB2F0cRZScRdYBQAAAG9kaWN0cRhjY29sbGVjdGlvbnMKT3JkZXJlZERpY3QKcRkpUnEaWAEAAABhcRtLAXNYBQAAAGFnYWlucRxoAnUu',
  'gAJ9cQAoWAQAAABsaXN0cQFdcQIoSwBK/////0v/SgAAAQBKAAAAgIoGAAAAAAABigkAAAAAAAAAAECKCQAAAAAAAAAAwEc/+AAAAAAAAEd/8AAAAAAAAGVYBAAAAHRleHRxA1gGAAAAw7wKIidccQRYBQAAAGJ5dGVzcQVjX2NvZGVjcwplbmNvZGUKcQZYAwAAAADDv3EHWAYAAABsYXRpbjFxCIZxCVJxClgFAAAAdHVwbGVxCygpSwGFcQxLAUsChnENSwFLAksDh3EOKEsBSwJLA0sEdHEPdHEQWAUAAABmbGFnc3ERXXESKIiJTmVYAwAAAHNldHETY19fYnVpbHRpbl9fCnNldApxFF1xFUsHYYVxFlJxF1gFAAAAb2RpY3RxGGNjb2xsZWN0aW9ucwpPcmRlcmVkRGljdApxGSlScRpYAQAAAGFxG0sBc1gFAAAAYWdhaW5xHGgCdS4=',
  'gAN9cQAoWAQAAABsaXN0cQFdcQIoSwBK/////0v/SgAAAQBKAAAAgIoGAAAAAAABigkAAAAAAAAAAECKCQAAAAAAAAAAwEc/+AAAAAAAAEd/8AAAAAAAAGVYBAAAAHRleHRxA1gGAAAAw7wKIidccQRYBQAAAGJ5dGVzcQVDAgD/cQZYBQAAAHR1cGxlcQcoKUsBhXEISwFLAoZxCUsBSwJLA4dxCihLAUsCSwNLBHRxC3RxDFgFAAAAZmxhZ3NxDV1xDiiIiU5lWAMAAABzZXRxD2NidWlsdGlucwpzZXQKcRBdcRFLB2GFcRJScRNYBQAAAG9kaWN0cRRjY29sbGVjdGlvbnMKT3JkZXJlZERpY3QKcRUpUnEWWAEAAABhcRdLAXNYBQAAAGFnYWlucRhoAnUu',
  'gASV7gAAAAAAAAB9lCiMBGxpc3SUXZQoSwBK/////0v/SgAAAQBKAAAAgIoGAAAAAAABigkAAAAAAAAAAECKCQAAAAAAAAAAwEc/+AAAAAAAAEd/8AAAAAAAAGWMBHRleHSUjAbDvAoiJ1yUjAVieXRlc5RDAgD/lIwFdHVwbGWUKClLAYWUSwFLAoaUSwFLAksDh5QoSwFLAksDSwR0lHSUjAVmbGFnc5RdlCiIiU5ljANzZXSUj5QoSweQjAVvZGljdJSMC2NvbGxlY3Rpb25zlIwLT3JkZXJlZERpY3SUk5QpUpSMAWGUSwFzjAVhZ2FpbpRoAnUu',
  'gAWV7gAAAAAAAAB9lCiMBGxpc3SUXZQoSwBK/////0v/SgAAAQBKAAAAgIoGAAAAAAABigkAAAAAAAAAAECKCQAAAAAAAAAAwEc/+AAAAAAAAEd/8AAAAAAAAGWMBHRleHSUjAbDvAoiJ1yUjAVieXRlc5RDAgD/lIwFdHVwbGWUKClLAYWUSwFLAoaUSwFLAksDh5QoSwFLAksDSwR0lHSUjAVmbGFnc5RdlCiIiU5ljANzZXSUj5QoSweQjAVvZGljdJSMC2NvbGxlY3Rpb25zlIwLT3JkZXJlZERpY3SUk5QpUpSMAWGUSwFzjAVhZ2FpbpRoAnUu',
];

/** numpy 2 scalars and a big-endian array, by protocol 2 and 4. */
const NUMPY = [
  'gAJ9cQAoWAIAAABmOHEBY251bXB5Ll9jb3JlLm11bHRpYXJyYXkKc2NhbGFyCnECY251bXB5CmR0eXBlCnEDWAIAAABmOHEEiYiHcQVScQYoSwNYAQAAADxxB05OTkr/////Sv////9LAHRxCGJjX2NvZGVjcwplbmNvZGUKcQlYCQAAAAAAAAAAAMOQP3EKWAYAAABsYXRpbjFxC4ZxDFJxDYZxDlJxD1gCAAAAZjRxEGgCaANYAgAAAGY0cRGJiIdxElJxEyhLA2gHTk5OSv////9K/////0sAdHEUYmgJWAYAAAAAAMOAwr9xFWgLhnEWUnEXhnEYUnEZWAIAAABpOHEaaAJoA1gCAAAAaThxG4mIh3EcUnEdKEsDaAdOTk5K/////0r/////SwB0cR5iaAlYEAAAAMO9w7/Dv8O/w7/Dv8O/w79xH2gLhnEgUnEhhnEiUnEjWAQAAABib29scSRoAmgDWAIAAABiMXEliYiHcSZScScoSwNYAQAAAHxxKE5OTkr/////Sv////9LAHRxKWJoCVgBAAAAAXEqaAuGcStScSyGcS1ScS5YBQAAAGFycmF5cS9jbnVtcHkuX2NvcmUubXVsdGlhcnJheQpfcmVjb25zdHJ1Y3QKcTBjbnVtcHkKbmRhcnJheQpxMUsAhXEyaAlYAQAAAGJxM2gLhnE0UnE1h3E2UnE3KEsBSwJLA4ZxOGgDWAIAAABpMnE5iYiHcTpScTsoSwNYAQAAAD5xPE5OTkr/////Sv////9LAHRxPWKJaAlYDAAAAAAAAAEAAgADAAQABXE+aAuGcT9ScUB0cUFidS4=',
  'gASVkQEAAAAAAAB9lCiMAmY4lIwWbnVtcHkuX2NvcmUubXVsdGlhcnJheZSMBnNjYWxhcpSTlIwFbnVtcHmUjAVkdHlwZZSTlIwCZjiUiYiHlFKUKEsDjAE8lE5OTkr/////Sv////9LAHSUYkMIAAAAAAAA0D+UhpRSlIwCZjSUaARoB4wCZjSUiYiHlFKUKEsDaAtOTk5K/////0r/////SwB0lGJDBAAAwL+UhpRSlIwCaTiUaARoB4wCaTiUiYiHlFKUKEsDaAtOTk5K/////0r/////SwB0lGJDCP3/////////lIaUUpSMBGJvb2yUaARoB4wCYjGUiYiHlFKUKEsDjAF8lE5OTkr/////Sv////9LAHSUYkMBAZSGlFKUjAVhcnJheZRoAowMX3JlY29uc3RydWN0lJOUaAWMB25kYXJyYXmUk5RLAIWUQwFilIeUUpQoSwFLAksDhpRoB4wCaTKUiYiHlFKUKEsDjAE+lE5OTkr/////Sv////9LAHSUYolDDAAAAAEAAgADAAQABZR0lGJ1Lg==',
];

describe.each(BY_PROTOCOL.map((pickle, protocol) => ({ protocol, pickle })))(
  'protocol $protocol',
  ({ pickle }) => {
    test('values, containers and shared references arrive', () => {
      const root = read(base64(pickle));
      if (!(root instanceof Map)) throw new Error('no dict');
      expect(root.get('list')).toEqual([
        0,
        -1,
        255,
        65536,
        -(2 ** 31),
        2 ** 40,
        2n ** 70n,
        -(2n ** 70n),
        1.5,
        Number.POSITIVE_INFINITY,
      ]);
      expect(root.get('again')).toBe(root.get('list'));
      expect(root.get('text')).toBe('ü\n"\'\\');
      expect(root.get('bytes')).toEqual(Uint8Array.of(0, 255));
      expect(root.get('tuple')).toEqual(
        new PickleTuple([[], [1], [1, 2], [1, 2, 3], [1, 2, 3, 4]].map((items) => new PickleTuple(items))),
      );
      expect(root.get('flags')).toEqual([true, false, null]);
      expect(root.get('set')).toEqual(new Set([7]));
      expect(root.get('odict')).toBeInstanceOf(OrderedDict);
      expect(root.get('odict')).toEqual(new OrderedDict([['a', 1]]));
    });

    test('cut short anywhere, it is refused', () => {
      const whole = base64(pickle);
      for (let length = 0; length < whole.length; length++) {
        expect(() => read(whole.subarray(0, length))).toThrow(expect.objectContaining({ name: 'BadPickle' }));
      }
    });
  },
);

test.each(NUMPY)('numpy scalars and arrays become numbers', (pickle) => {
  const root = read(base64(pickle));
  if (!(root instanceof Map)) throw new Error('no dict');
  expect([root.get('f8'), root.get('f4'), root.get('i8'), root.get('bool')]).toEqual([0.25, -1.5, -3, true]);
  const array = root.get('array');
  if (!(array instanceof NumpyArray)) throw new Error('no array');
  expect(array.shape).toEqual([2, 3]);
  expect(array.values).toEqual([0, 1, 2, 3, 4, 5]);
});

describe('a pickle that wants to run something', () => {
  const name = 'DisallowedGlobal';
  test.each([
    ['protocol 0', base64('Y3Bvc2l4CnN5c3RlbQpwMAooVmVjaG8gaGkKcDEKdHAyClJwMwou'), 'posix.system'],
    ['protocol 2', base64('gAJjcG9zaXgKc3lzdGVtCnEAWAcAAABlY2hvIGhpcQGFcQJScQMu'), 'posix.system'],
    ['protocol 4', base64('gASVIgAAAAAAAACMBXBvc2l4lIwGc3lzdGVtlJOUjAdlY2hvIGhplIWUUpQu'), 'posix.system'],
    ['INST', assemble('(', 'S', "'echo hi'\n", 'i', 'os\nsystem\n', '.'), 'os.system'],
    ['OBJ', assemble('(', 'c', 'builtins\neval\n', 'S', "'1'\n", 'o', '.'), 'builtins.eval'],
    [
      'a name of Object.prototype',
      assemble('c', 'constructor\nconstructor\n', '.'),
      'constructor.constructor',
    ],
  ])('%s: is refused by name and file', (_, bytes, global) => {
    expect(() => read(bytes)).toThrow(
      expect.objectContaining({ name, message: expect.stringContaining(global) }),
    );
    expect(() => read(bytes)).toThrow('x.pth');
  });

  test('getattr by a dotted name is refused too', () => {
    const bytes = assemble(0x80, 4, 0x8c, 8, 'builtins', 0x8c, 12, 'set.__init__', 0x93, '.');
    expect(() => read(bytes)).toThrow(expect.objectContaining({ name }));
  });

  test('an allowed class takes no state and no foreign call', () => {
    expect(() => read(assemble('c', 'builtins\nlist\n', ')', 'R', '.'))).toThrow('cannot be called');
    expect(() => read(assemble('K', 1, ')', 'R', '.'))).toThrow('number cannot be called');
    expect(() => read(assemble('c', 'numpy\nndarray\n', '}', 'b', '.'))).toThrow('takes no state');
  });
});

describe('a malformed pickle is refused, without a hang', () => {
  test.each([
    ['empty', assemble()],
    ['STOP on an empty stack', assemble('.')],
    ['an unknown instruction', assemble(0xff, '.')],
    ['an extension code', assemble(0x82, 1, '.')],
    ['protocol 9', assemble(0x80, 9, 'N', '.')],
    [
      'a million nested lists',
      assemble(
        Array.from({ length: 1e6 }, () => 0x5d),
        Array.from({ length: 1e6 - 1 }, () => 0x61),
        '.',
      ),
    ],
    [
      '300 nested tuples',
      assemble(
        ')',
        Array.from({ length: 300 }, () => 0x85),
        '.',
      ),
    ],
    [
      'two million marks',
      assemble(
        Array.from({ length: 2e6 }, () => 0x28),
        '.',
      ),
    ],
    ['a memo index that was never set', assemble('j', [255, 255, 255, 255], '.')],
    ['text of 4 GB', assemble('X', [255, 255, 255, 255], 'abc.')],
    ['bytes of 2^60', assemble(0x8e, [0, 0, 0, 0, 0, 0, 0, 16], '.')],
    ['a negative length', assemble('T', [255, 255, 255, 255], '.')],
    ['an integer of 2 GB', assemble(0x8b, [255, 255, 255, 127], '.')],
    ['text that is not UTF-8', assemble('X', [2, 0, 0, 0], [0xc3, 0x28], '.')],
    ['a persistent id where none belongs', assemble('K', 1, 'Q', '.')],
    ['a key without a value', assemble('}', '(', 'K', 1, 'u', '.')],
    ['items for a number', assemble('K', 1, '(', 'K', 1, 'e', '.')],
    ['a mark that is missing', assemble('K', 1, 't', '.')],
    ['an integer that is none', assemble('I', 'twelve\n', '.')],
  ])('%s', (_, bytes) => {
    expect(() => read(bytes)).toThrow(expect.objectContaining({ name: 'BadPickle' }));
  });

  test('the largest memo index costs nothing', () => {
    expect(read(assemble(']', 'r', [255, 255, 255, 255], '0', 'j', [255, 255, 255, 255], '.'))).toEqual([]);
  });

  test('a list that contains itself is read', () => {
    const list = read(assemble(']', 'q', 0, 'h', 0, 'a', '.'));
    expect(Array.isArray(list) && list[0]).toBe(list);
  });
});
