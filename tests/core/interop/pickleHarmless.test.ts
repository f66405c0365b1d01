import { describe, expect, test } from 'vitest';
import { unpickle } from '@/core/interop/pickle';
import { NumpyArray, PYTHON_GLOBALS } from '@/core/interop/pickleGlobals';
import { PickleTuple, type PickleValue } from '@/core/interop/pickleValues';

// Values by Python's own `pickle.dumps`: what people keep in a checkpoint beside its weights.
const HARMLESS = {
  'np_dt, protocol 2':
    'gAJjbnVtcHkuY29yZS5tdWx0aWFycmF5CnNjYWxhcgpxAGNudW1weQpkdHlwZQpxAVgCAAAATThxAomIh3EDUnEEKEsEWAEAAAA8cQVOTk5K/////0r/////SwB9cQYoY19jb2RlY3MKZW5jb2RlCnEHWAEAAABtcQhYBgAAAGxhdGluMXEJhnEKUnELSwFLAUsBdHEMhnENdHEOYmgHWAkAAAA4ZMKxAQAAAABxD2gJhnEQUnERhnESUnETLg==',
  'np_dt, protocol 4':
    'gASVegAAAAAAAACMFW51bXB5LmNvcmUubXVsdGlhcnJheZSMBnNjYWxhcpSTlIwFbnVtcHmUjAVkdHlwZZSTlIwCTTiUiYiHlFKUKEsEjAE8lE5OTkr/////Sv////9LAH2UKEMBbZRLAUsBSwF0lIaUdJRiQwg4ZLEBAAAAAJSGlFKULg==',
  'np_td, protocol 2':
    'gAJjbnVtcHkuY29yZS5tdWx0aWFycmF5CnNjYWxhcgpxAGNudW1weQpkdHlwZQpxAVgCAAAAbThxAomIh3EDUnEEKEsEWAEAAAA8cQVOTk5K/////0r/////SwB9cQYoY19jb2RlY3MKZW5jb2RlCnEHWAEAAABzcQhYBgAAAGxhdGluMXEJhnEKUnELSwFLAUsBdHEMhnENdHEOYmgHWAgAAAAFAAAAAAAAAHEPaAmGcRBScRGGcRJScRMu',
  'np_td, protocol 4':
    'gASVegAAAAAAAACMFW51bXB5LmNvcmUubXVsdGlhcnJheZSMBnNjYWxhcpSTlIwFbnVtcHmUjAVkdHlwZZSTlIwCbTiUiYiHlFKUKEsEjAE8lE5OTkr/////Sv////9LAH2UKEMBc5RLAUsBSwF0lIaUdJRiQwgFAAAAAAAAAJSGlFKULg==',
  'arr_obj, protocol 2':
    'gAJjbnVtcHkuY29yZS5tdWx0aWFycmF5Cl9yZWNvbnN0cnVjdApxAGNudW1weQpuZGFycmF5CnEBSwCFcQJjX2NvZGVjcwplbmNvZGUKcQNYAQAAAGJxBFgGAAAAbGF0aW4xcQWGcQZScQeHcQhScQkoSwFLA4VxCmNudW1weQpkdHlwZQpxC1gCAAAATzhxDImIh3ENUnEOKEsDWAEAAAB8cQ9OTk5K/////0r/////Sz90cRBiiV1xEShLAVgBAAAAYXESTmV0cRNiLg==',
  'arr_obj, protocol 4':
    'gASVkAAAAAAAAACMFW51bXB5LmNvcmUubXVsdGlhcnJheZSMDF9yZWNvbnN0cnVjdJSTlIwFbnVtcHmUjAduZGFycmF5lJOUSwCFlEMBYpSHlFKUKEsBSwOFlGgDjAVkdHlwZZSTlIwCTziUiYiHlFKUKEsDjAF8lE5OTkr/////Sv////9LP3SUYoldlChLAYwBYZROZXSUYi4=',
  'arr_dt, protocol 2':
    'gAJjbnVtcHkuY29yZS5tdWx0aWFycmF5Cl9yZWNvbnN0cnVjdApxAGNudW1weQpuZGFycmF5CnEBSwCFcQJjX2NvZGVjcwplbmNvZGUKcQNYAQAAAGJxBFgGAAAAbGF0aW4xcQWGcQZScQeHcQhScQkoSwFLAYVxCmNudW1weQpkdHlwZQpxC1gCAAAATThxDImIh3ENUnEOKEsEWAEAAAA8cQ9OTk5K/////0r/////SwB9cRAoaANYAQAAAERxEWgFhnESUnETSwFLAUsBdHEUhnEVdHEWYoloA1gIAAAAC00AAAAAAABxF2gFhnEYUnEZdHEaYi4=',
  'arr_dt, protocol 4':
    'gASVoQAAAAAAAACMFW51bXB5LmNvcmUubXVsdGlhcnJheZSMDF9yZWNvbnN0cnVjdJSTlIwFbnVtcHmUjAduZGFycmF5lJOUSwCFlEMBYpSHlFKUKEsBSwGFlGgDjAVkdHlwZZSTlIwCTTiUiYiHlFKUKEsEjAE8lE5OTkr/////Sv////9LAH2UKEMBRJRLAUsBSwF0lIaUdJRiiUMIC00AAAAAAACUdJRiLg==',
  'arr_struct, protocol 2':
    'gAJjbnVtcHkuY29yZS5tdWx0aWFycmF5Cl9yZWNvbnN0cnVjdApxAGNudW1weQpuZGFycmF5CnEBSwCFcQJjX2NvZGVjcwplbmNvZGUKcQNYAQAAAGJxBFgGAAAAbGF0aW4xcQWGcQZScQeHcQhScQkoSwFLAYVxCmNudW1weQpkdHlwZQpxC1gDAAAAVjEycQyJiIdxDVJxDihLA1gBAAAAfHEPTlgBAAAAYXEQWAEAAABicRGGcRJ9cRMoaBBoC1gCAAAAaTRxFImIh3EVUnEWKEsDWAEAAAA8cRdOTk5K/////0r/////SwB0cRhiSwCGcRloEWgLWAIAAABmOHEaiYiHcRtScRwoSwNoF05OTkr/////Sv////9LAHRxHWJLBIZxHnVLDEsBSxB0cR9iiWgDWAwAAAABAAAAAAAAAAAABEBxIGgFhnEhUnEidHEjYi4=',
  'arr_struct, protocol 4':
    'gASV8QAAAAAAAACMFW51bXB5LmNvcmUubXVsdGlhcnJheZSMDF9yZWNvbnN0cnVjdJSTlIwFbnVtcHmUjAduZGFycmF5lJOUSwCFlEMBYpSHlFKUKEsBSwGFlGgDjAVkdHlwZZSTlIwDVjEylImIh5RSlChLA4wBfJROjAFhlIwBYpSGlH2UKGgRaAyMAmk0lImIh5RSlChLA4wBPJROTk5K/////0r/////SwB0lGJLAIaUaBJoDIwCZjiUiYiHlFKUKEsDaBhOTk5K/////0r/////SwB0lGJLBIaUdUsMSwFLEHSUYolDDAEAAAAAAAAAAAAEQJR0lGIu',
  'masked, protocol 2':
    'gAJjbnVtcHkubWEuY29yZQpfbWFyZWNvbnN0cnVjdApxAChjbnVtcHkubWEuY29yZQpNYXNrZWRBcnJheQpxAWNudW1weQpuZGFycmF5CnECSwCFcQNYAQAAAGJxBHRxBVJxBihLAUsChXEHY251bXB5CmR0eXBlCnEIWAIAAABpOHEJiYiHcQpScQsoSwNYAQAAADxxDE5OTkr/////Sv////9LAHRxDWKJY19jb2RlY3MKZW5jb2RlCnEOWBAAAAABAAAAAAAAAAIAAAAAAAAAcQ9YBgAAAGxhdGluMXEQhnERUnESaA5YAgAAAAABcRNoEIZxFFJxFU50cRZiLg==',
  'masked, protocol 4':
    'gASVqwAAAAAAAACMDW51bXB5Lm1hLmNvcmWUjA5fbWFyZWNvbnN0cnVjdJSTlChoAIwLTWFza2VkQXJyYXmUk5SMBW51bXB5lIwHbmRhcnJheZSTlEsAhZSMAWKUdJRSlChLAUsChZRoBYwFZHR5cGWUk5SMAmk4lImIh5RSlChLA4wBPJROTk5K/////0r/////SwB0lGKJQxABAAAAAAAAAAIAAAAAAAAAlEMCAAGUTnSUYi4=',
  'gen, protocol 2':
    'gAJjbnVtcHkucmFuZG9tLl9waWNrbGUKX19nZW5lcmF0b3JfY3RvcgpxAFgFAAAAUENHNjRxAWNudW1weS5yYW5kb20uX3BpY2tsZQpfX2JpdF9nZW5lcmF0b3JfY3RvcgpxAoZxA1JxBH1xBShYDQAAAGJpdF9nZW5lcmF0b3JxBlgFAAAAUENHNjRxB1gFAAAAc3RhdGVxCH1xCShoCIoRfrwPMm99bipsddv+S0hbnABYAwAAAGluY3EKihF7k0BXuVeYoZX4RSba8iqSAHVYCgAAAGhhc191aW50MzJxC0sAWAgAAAB1aW50ZWdlcnEMSwB1Yi4=',
  'gen, protocol 4':
    'gASVxwAAAAAAAACMFG51bXB5LnJhbmRvbS5fcGlja2xllIwQX19nZW5lcmF0b3JfY3RvcpSTlIwFUENHNjSUaACMFF9fYml0X2dlbmVyYXRvcl9jdG9ylJOUhpRSlH2UKIwNYml0X2dlbmVyYXRvcpSMBVBDRzY0lIwFc3RhdGWUfZQoaAuKEX68DzJvfW4qbHXb/ktIW5wAjANpbmOUihF7k0BXuVeYoZX4RSba8iqSAHWMCmhhc191aW50MzKUSwCMCHVpbnRlZ2VylEsAdWIu',
  'seedseq, protocol 2':
    'gAJjbnVtcHkucmFuZG9tLmJpdF9nZW5lcmF0b3IKX19weXhfdW5waWNrbGVfU2VlZFNlcXVlbmNlCnEAY251bXB5LnJhbmRvbS5iaXRfZ2VuZXJhdG9yClNlZWRTZXF1ZW5jZQpxAUpKMIgPTodxAlJxAyhLBUsAY251bXB5LmNvcmUubXVsdGlhcnJheQpfcmVjb25zdHJ1Y3QKcQRjbnVtcHkKbmRhcnJheQpxBUsAhXEGY19jb2RlY3MKZW5jb2RlCnEHWAEAAABicQhYBgAAAGxhdGluMXEJhnEKUnELh3EMUnENKEsBSwSFcQ5jbnVtcHkKZHR5cGUKcQ9YAgAAAHU0cRCJiIdxEVJxEihLA1gBAAAAPHETTk5OSv////9K/////0sAdHEUYoloB1gWAAAAIkZJw6Ikw7YQwqo7wow0wps9w4UZE3EVaAmGcRZScRd0cRhiSwQpdHEZYi4=',
  'seedseq, protocol 4':
    'gASV/QAAAAAAAACMGm51bXB5LnJhbmRvbS5iaXRfZ2VuZXJhdG9ylIwbX19weXhfdW5waWNrbGVfU2VlZFNlcXVlbmNllJOUaACMDFNlZWRTZXF1ZW5jZZSTlEpKMIgPToeUUpQoSwVLAIwVbnVtcHkuY29yZS5tdWx0aWFycmF5lIwMX3JlY29uc3RydWN0lJOUjAVudW1weZSMB25kYXJyYXmUk5RLAIWUQwFilIeUUpQoSwFLBIWUaAqMBWR0eXBllJOUjAJ1NJSJiIeUUpQoSwOMATyUTk5OSv////9K/////0sAdJRiiUMQIkZJ4iT2EKo7jDSbPcUZE5R0lGJLBCl0lGIu',
  'date, protocol 0':
    'Y2RhdGV0aW1lCmRhdGUKcDAKKGNfY29kZWNzCmVuY29kZQpwMQooVgfoAQIKcDIKVmxhdGluMQpwMwp0cDQKUnA1CnRwNgpScDcKLg==',
  'date, protocol 2':
    'gAJjZGF0ZXRpbWUKZGF0ZQpxAGNfY29kZWNzCmVuY29kZQpxAVgFAAAAB8OoAQJxAlgGAAAAbGF0aW4xcQOGcQRScQWFcQZScQcu',
  'date, protocol 4': 'gASVIAAAAAAAAACMCGRhdGV0aW1llIwEZGF0ZZSTlEMEB+gBApSFlFKULg==',
  'dt_utc, protocol 2':
    'gAJjZGF0ZXRpbWUKZGF0ZXRpbWUKcQBjX2NvZGVjcwplbmNvZGUKcQFYCwAAAAfDqAECAAAAAAAAcQJYBgAAAGxhdGluMXEDhnEEUnEFY2RhdGV0aW1lCnRpbWV6b25lCnEGY2RhdGV0aW1lCnRpbWVkZWx0YQpxB0sASwBLAIdxCFJxCYVxClJxC4ZxDFJxDS4=',
  'dt_utc, protocol 4':
    'gASVVwAAAAAAAACMCGRhdGV0aW1llIwIZGF0ZXRpbWWUk5RDCgfoAQIAAAAAAACUaACMCHRpbWV6b25llJOUaACMCXRpbWVkZWx0YZSTlEsASwBLAIeUUpSFlFKUhpRSlC4=',
  'td, protocol 2': 'gAJjZGF0ZXRpbWUKdGltZWRlbHRhCnEASwFLAksDh3EBUnECLg==',
  'td, protocol 4': 'gASVJAAAAAAAAACMCGRhdGV0aW1llIwJdGltZWRlbHRhlJOUSwFLAksDh5RSlC4=',
  'tz, protocol 2':
    'gAJjZGF0ZXRpbWUKdGltZXpvbmUKcQBjZGF0ZXRpbWUKdGltZWRlbHRhCnEBSwBNIBxLAIdxAlJxA4VxBFJxBS4=',
  'tz, protocol 4':
    'gASVOAAAAAAAAACMCGRhdGV0aW1llIwIdGltZXpvbmWUk5RoAIwJdGltZWRlbHRhlJOUSwBNIBxLAIeUUpSFlFKULg==',
  'zi, protocol 2':
    'gAJjX19idWlsdGluX18KZ2V0YXR0cgpxAGN6b25laW5mbwpab25lSW5mbwpxAVgJAAAAX3VucGlja2xlcQKGcQNScQRYDQAAAEV1cm9wZS9CZXJsaW5xBUsBhnEGUnEHLg==',
  'zi, protocol 4':
    'gASVVgAAAAAAAACMCGJ1aWx0aW5zlIwHZ2V0YXR0cpSTlIwIem9uZWluZm+UjAhab25lSW5mb5STlIwJX3VucGlja2xllIaUUpSMDUV1cm9wZS9CZXJsaW6USwGGlFKULg==',
  'posix, protocol 0': 'Y3BhdGhsaWIKUG9zaXhQYXRoCnAwCihWLwpwMQpWYQpwMgpWYgpwMwp0cDQKUnA1Ci4=',
  'posix, protocol 2': 'gAJjcGF0aGxpYgpQb3NpeFBhdGgKcQBYAQAAAC9xAVgBAAAAYXECWAEAAABicQOHcQRScQUu',
  'posix, protocol 4': 'gASVKQAAAAAAAACMB3BhdGhsaWKUjAlQb3NpeFBhdGiUk5SMAS+UjAFhlIwBYpSHlFKULg==',
  'pwin, protocol 2': 'gAJjcGF0aGxpYgpQdXJlV2luZG93c1BhdGgKcQBYAwAAAEM6XHEBWAEAAABhcQJYAQAAAGJxA4dxBFJxBS4=',
  'pwin, protocol 4': 'gASVMQAAAAAAAACMB3BhdGhsaWKUjA9QdXJlV2luZG93c1BhdGiUk5SMA0M6XJSMAWGUjAFilIeUUpQu',
  'deque, protocol 2': 'gAJjY29sbGVjdGlvbnMKZGVxdWUKcQApSwWGcQFScQIoSwFLAmUu',
  'deque, protocol 4': 'gASVJgAAAAAAAACMC2NvbGxlY3Rpb25zlIwFZGVxdWWUk5QpSwWGlFKUKEsBSwJlLg==',
  'nt, protocol 2': 'gAJjX19tYWluX18KTlQKcQBLAUsChnEBgXECLg==',
  'nt, protocol 4': 'gASVGwAAAAAAAACMCF9fbWFpbl9flIwCTlSUk5RLAUsChpSBlC4=',
  'userdict, protocol 2':
    'gAJjVXNlckRpY3QKSXRlcmFibGVVc2VyRGljdApxACmBcQF9cQJYBAAAAGRhdGFxA31xBFgBAAAAYXEFSwFzc2Iu',
  'userdict, protocol 4':
    'gASVMwAAAAAAAACMC2NvbGxlY3Rpb25zlIwIVXNlckRpY3SUk5QpgZR9lIwEZGF0YZR9lIwBYZRLAXNzYi4=',
  'enum, protocol 0': 'Y19fYnVpbHRpbl9fCmdldGF0dHIKcDAKKGNfX21haW5fXwpDb2xvdXIKcDEKVlJFRApwMgp0cDMKUnA0Ci4=',
  'enum, protocol 2': 'gAJjX19idWlsdGluX18KZ2V0YXR0cgpxAGNfX21haW5fXwpDb2xvdXIKcQFYAwAAAFJFRHEChnEDUnEELg==',
  'enum, protocol 4':
    'gASVOAAAAAAAAACMCGJ1aWx0aW5zlIwHZ2V0YXR0cpSTlIwIX19tYWluX1+UjAZDb2xvdXKUk5SMA1JFRJSGlFKULg==',
  'intenum, protocol 2': 'gAJjX19idWlsdGluX18KZ2V0YXR0cgpxAGNfX21haW5fXwpNb2RlCnEBWAEAAABBcQKGcQNScQQu',
  'intenum, protocol 4':
    'gASVNAAAAAAAAACMCGJ1aWx0aW5zlIwHZ2V0YXR0cpSTlIwIX19tYWluX1+UjARNb2RllJOUjAFBlIaUUpQu',
  'flag, protocol 2':
    'gAJjX29wZXJhdG9yCm9yXwpxAGNfX2J1aWx0aW5fXwpnZXRhdHRyCnEBY19fbWFpbl9fCkZsCnECWAEAAABZcQOGcQRScQVoAWgCWAEAAABYcQaGcQdScQiGcQlScQou',
  'flag, protocol 4':
    'gASVVgAAAAAAAACMCV9vcGVyYXRvcpSMA29yX5STlIwIYnVpbHRpbnOUjAdnZXRhdHRylJOUjAhfX21haW5fX5SMAkZslJOUjAFZlIaUUpRoBWgIjAFYlIaUUpSGlFKULg==',
  'ns, protocol 2': 'gAJjYXJncGFyc2UKTmFtZXNwYWNlCnEAKYFxAX1xAlgBAAAAYXEDSwFzYi4=',
  'ns, protocol 4': 'gASVJwAAAAAAAACMCGFyZ3BhcnNllIwJTmFtZXNwYWNllJOUKYGUfZSMAWGUSwFzYi4=',
  'sns, protocol 2': 'gAJjdHlwZXMKU2ltcGxlTmFtZXNwYWNlCnEAKVJxAX1xAlgBAAAAYnEDSwJzYi4=',
  'sns, protocol 4': 'gASVKgAAAAAAAACMBXR5cGVzlIwPU2ltcGxlTmFtZXNwYWNllJOUKVKUfZSMAWKUSwJzYi4=',
  'cfg, protocol 0':
    'Y2NvcHlfcmVnCl9yZWNvbnN0cnVjdG9yCnAwCihjX19tYWluX18KQ2ZnCnAxCmNfX2J1aWx0aW5fXwpvYmplY3QKcDIKTnRwMwpScDQKKGRwNQpWYQpwNgpJMQpzVmIKcDcKKGxwOApJMQphSTIKYXNiLg==',
  'cfg, protocol 2': 'gAJjX19tYWluX18KQ2ZnCnEAKYFxAX1xAihYAQAAAGFxA0sBWAEAAABicQRdcQUoSwFLAmV1Yi4=',
  'cfg, protocol 4': 'gASVLgAAAAAAAACMCF9fbWFpbl9flIwDQ2ZnlJOUKYGUfZQojAFhlEsBjAFilF2UKEsBSwJldWIu',
  'slots, protocol 2': 'gAJjX19tYWluX18KU2xvdHMKcQApgXEBTn1xAlgBAAAAcXEDSwVzhnEEYi4=',
  'slots, protocol 4': 'gASVJgAAAAAAAACMCF9fbWFpbl9flIwFU2xvdHOUk5QpgZROfZSMAXGUSwVzhpRiLg==',
  'dc, protocol 2': 'gAJjX19tYWluX18KREMKcQApgXEBfXECKFgBAAAAeHEDSwNYAQAAAHlxBFgBAAAAc3EFdWIu',
  'dc, protocol 4': 'gASVKQAAAAAAAACMCF9fbWFpbl9flIwCREOUk5QpgZR9lCiMAXiUSwOMAXmUjAFzlHViLg==',
  'mydict, protocol 0':
    'Y2NvcHlfcmVnCl9yZWNvbnN0cnVjdG9yCnAwCihjX19tYWluX18KTXlEaWN0CnAxCmNfX2J1aWx0aW5fXwpkaWN0CnAyCihkcDMKVmEKcDQKSTEKc3RwNQpScDYKLg==',
  'mydict, protocol 2': 'gAJjX19tYWluX18KTXlEaWN0CnEAKYFxAVgBAAAAYXECSwFzLg==',
  'mydict, protocol 4': 'gASVIQAAAAAAAACMCF9fbWFpbl9flIwGTXlEaWN0lJOUKYGUjAFhlEsBcy4=',
  'mylist, protocol 2': 'gAJjX19tYWluX18KTXlMaXN0CnEAKYFxAShLAUsCZS4=',
  'mylist, protocol 4': 'gASVIAAAAAAAAACMCF9fbWFpbl9flIwGTXlMaXN0lJOUKYGUKEsBSwJlLg==',
  'decimal, protocol 2': 'gAJjZGVjaW1hbApEZWNpbWFsCnEAWAMAAAAxLjVxAYVxAlJxAy4=',
  'decimal, protocol 4': 'gASVIQAAAAAAAACMB2RlY2ltYWyUjAdEZWNpbWFslJOUjAMxLjWUhZRSlC4=',
  'uuid, protocol 2': 'gAJjdXVpZApVVUlECnEAKYFxAX1xAlgDAAAAaW50cQNLBXNiLg==',
  'uuid, protocol 4': 'gASVIAAAAAAAAACMBHV1aWSUjARVVUlElJOUKYGUfZSMA2ludJRLBXNiLg==',
  're, protocol 2': 'gAJjcmUKX2NvbXBpbGUKcQBYAgAAAGErcQFLIIZxAlJxAy4=',
  're, protocol 4': 'gASVHgAAAAAAAACMAnJllIwIX2NvbXBpbGWUk5SMAmErlEsghpRSlC4=',
  'exc, protocol 2': 'gAJjZXhjZXB0aW9ucwpWYWx1ZUVycm9yCnEAWAEAAAB4cQGFcQJScQMu',
  'exc, protocol 4': 'gASVIwAAAAAAAACMCGJ1aWx0aW5zlIwKVmFsdWVFcnJvcpSTlIwBeJSFlFKULg==',
  'ellipsis, protocol 2': 'gAJjX19idWlsdGluX18KRWxsaXBzaXMKcQAu',
  'ellipsis, protocol 4': 'gASVGQAAAAAAAACMCGJ1aWx0aW5zlIwIRWxsaXBzaXOUk5Qu',
  'nonetype, protocol 2': 'gAJjX19idWlsdGluX18KdHlwZQpxAE6FcQFScQIu',
  'nonetype, protocol 4': 'gASVGgAAAAAAAACMCGJ1aWx0aW5zlIwEdHlwZZSTlE6FlFKULg==',
  'typ, protocol 2': 'gAJjX19idWlsdGluX18KbG9uZwpxAC4=',
  'typ, protocol 4': 'gASVFAAAAAAAAACMCGJ1aWx0aW5zlIwDaW50lJOULg==',
  WindowsPath: 'gASVLAAAAAAAAACMB3BhdGhsaWKUjAtXaW5kb3dzUGF0aJSTlIwDQzpclIwEZGF0YZSGlFKULg==',
} as const;
const REFUSED = {
  'os.system': 'gASVHwAAAAAAAACMBXBvc2l4lIwGc3lzdGVtlJOUjAR0cnVllIWUUpQu',
  'subprocess.Popen': 'gASVJgAAAAAAAACMCnN1YnByb2Nlc3OUjAVQb3BlbpSTlF2UjAR0cnVllGGFlFKULg==',
  'builtins.eval': 'gASVHQAAAAAAAACMCGJ1aWx0aW5zlIwEZXZhbJSTlIwBMZSFlFKULg==',
  'functools.partial': 'gASVMgAAAAAAAACMCWZ1bmN0b29sc5SMB3BhcnRpYWyUk5SMCGJ1aWx0aW5zlIwFcHJpbnSUk5SFlFKULg==',
  'operator.attrgetter': 'gASVIwAAAAAAAACMCG9wZXJhdG9ylIwKYXR0cmdldHRlcpSTlIwBYZSFlFKULg==',
  'torch.hub.load': 'gASVIgAAAAAAAACMCXRvcmNoLmh1YpSMBGxvYWSUk5SMAXiUjAF5lIaUUpQu',
  __init__: 'gASVOgAAAAAAAACMCGJ1aWx0aW5zlIwHZ2V0YXR0cpSTlIwHcGF0aGxpYpSMBFBhdGiUk5SMCF9faW5pdF9flIaUUpQu',
} as const;

/** Those that become plain values; protocol 2. */
const PLAIN = {
  np_str:
    'gAJjbnVtcHkuY29yZS5tdWx0aWFycmF5CnNjYWxhcgpxAGNudW1weQpkdHlwZQpxAVgCAAAAVTJxAomIh3EDUnEEKEsDWAEAAAA8cQVOTk5LCEsESwh0cQZiY19jb2RlY3MKZW5jb2RlCnEHWAkAAABoAAAAw6kAAABxCFgGAAAAbGF0aW4xcQmGcQpScQuGcQxScQ0u',
  np_bytes:
    'gAJjbnVtcHkuY29yZS5tdWx0aWFycmF5CnNjYWxhcgpxAGNudW1weQpkdHlwZQpxAVgCAAAAUzJxAomIh3EDUnEEKEsDWAEAAAB8cQVOTk5LAksBSwB0cQZiY19jb2RlY3MKZW5jb2RlCnEHWAIAAABhYnEIWAYAAABsYXRpbjFxCYZxClJxC4ZxDFJxDS4=',
  np_c: 'gAJjbnVtcHkuY29yZS5tdWx0aWFycmF5CnNjYWxhcgpxAGNudW1weQpkdHlwZQpxAVgCAAAAYzhxAomIh3EDUnEEKEsDWAEAAAA8cQVOTk5K/////0r/////SwB0cQZiY19jb2RlY3MKZW5jb2RlCnEHWAkAAAAAAMKAPwAAAEBxCFgGAAAAbGF0aW4xcQmGcQpScQuGcQxScQ0u',
  arr_str:
    'gAJjbnVtcHkuY29yZS5tdWx0aWFycmF5Cl9yZWNvbnN0cnVjdApxAGNudW1weQpuZGFycmF5CnEBSwCFcQJjX2NvZGVjcwplbmNvZGUKcQNYAQAAAGJxBFgGAAAAbGF0aW4xcQWGcQZScQeHcQhScQkoSwFLAoVxCmNudW1weQpkdHlwZQpxC1gCAAAAVTNxDImIh3ENUnEOKEsDWAEAAAA8cQ9OTk5LDEsESwh0cRBiiWgDWBgAAABhAAAAAAAAAAAAAABiAAAAYwAAAGQAAABxEWgFhnESUnETdHEUYi4=',
  arr_bytes:
    'gAJjbnVtcHkuY29yZS5tdWx0aWFycmF5Cl9yZWNvbnN0cnVjdApxAGNudW1weQpuZGFycmF5CnEBSwCFcQJjX2NvZGVjcwplbmNvZGUKcQNYAQAAAGJxBFgGAAAAbGF0aW4xcQWGcQZScQeHcQhScQkoSwFLAoVxCmNudW1weQpkdHlwZQpxC1gCAAAAUzJxDImIh3ENUnEOKEsDWAEAAAB8cQ9OTk5LAksBSwB0cRBiiWgDWAQAAABhAGJjcRFoBYZxElJxE3RxFGIu',
  arr_complex:
    'gAJjbnVtcHkuY29yZS5tdWx0aWFycmF5Cl9yZWNvbnN0cnVjdApxAGNudW1weQpuZGFycmF5CnEBSwCFcQJjX2NvZGVjcwplbmNvZGUKcQNYAQAAAGJxBFgGAAAAbGF0aW4xcQWGcQZScQeHcQhScQkoSwFLAYVxCmNudW1weQpkdHlwZQpxC1gDAAAAYzE2cQyJiIdxDVJxDihLA1gBAAAAPHEPTk5OSv////9K/////0sAdHEQYoloA1gSAAAAAAAAAAAAw7A/AAAAAAAAw7A/cRFoBYZxElJxE3RxFGIu',
  bytearray:
    'gAJjX19idWlsdGluX18KYnl0ZWFycmF5CnEAY19jb2RlY3MKZW5jb2RlCnEBWAMAAABhYmNxAlgGAAAAbGF0aW4xcQOGcQRScQWFcQZScQcu',
  counter: 'gAJjY29sbGVjdGlvbnMKQ291bnRlcgpxAH1xAShYAQAAAGFxAksCWAEAAABicQNLAXWFcQRScQUu',
  range: 'gAJjX19idWlsdGluX18KeHJhbmdlCnEASwBLA0sBh3EBUnECLg==',
} as const;

const read = (bytes: Uint8Array, keepsHarmless = true): PickleValue =>
  unpickle(bytes, { file: 'x.pth', globals: PYTHON_GLOBALS, keepsHarmless }).value;
const base64 = (text: string) => new Uint8Array(Buffer.from(text, 'base64'));

test.each(Object.entries(HARMLESS))('%s is kept', (_, pickle) => {
  expect(() => read(base64(pickle))).not.toThrow();
});

describe('what would run in Python is refused, and said', () => {
  test.each(Object.entries(REFUSED))('%s', (_, pickle) => {
    expect(() => read(base64(pickle))).toThrow(expect.objectContaining({ name: 'DisallowedGlobal' }));
  });

  test.each([
    [
      'a method of a class',
      'cbuiltins\ngetattr\n(cpathlib\nPath\nVunlink\ntR(Vx\ntR.',
      'pathlib.Path.unlink',
    ],
    ['a method by a dotted name', '\x80\x04\x8c\x07pathlib\x8c\x0bPath.unlink\x93.', 'pathlib.Path.unlink'],
    ['a function of an unknown module', 'csomebody\nrun\n(tR.', 'somebody.run'],
    ['another reduction', 'cfunctools\nreduce\n(cbuiltins\nprint\n(ltR.', 'functools.reduce'],
    ['a class of a module that runs code', 'cctypes\nCDLL\n(Vx\ntR.', 'ctypes.CDLL'],
  ])('%s', (_, program, name) => {
    const bytes = Uint8Array.from(program, (letter) => letter.charCodeAt(0));
    expect(() => read(bytes)).toThrow(
      expect.objectContaining({ name: 'DisallowedGlobal', message: expect.stringContaining(name) }),
    );
  });

  test('readers of other files keep to their list', () => {
    expect(() => read(base64(HARMLESS['cfg, protocol 4']), false)).toThrow(
      expect.objectContaining({ name: 'DisallowedGlobal' }),
    );
  });
});

describe('plain values', () => {
  const valuesOf = (value: PickleValue) => (value instanceof NumpyArray ? value.values : undefined);

  test('text, bytes and complex numbers of numpy', () => {
    expect(read(base64(PLAIN.np_str))).toBe('hé');
    expect(read(base64(PLAIN.np_bytes))).toEqual(Uint8Array.of(97, 98));
    expect(read(base64(PLAIN.np_c))).toEqual(new PickleTuple([1, 2]));
    expect(valuesOf(read(base64(PLAIN.arr_str)))).toEqual(['a', 'bcd']);
    expect(valuesOf(read(base64(PLAIN.arr_bytes)))).toEqual([Uint8Array.of(97), Uint8Array.of(98, 99)]);
    expect(valuesOf(read(base64(PLAIN.arr_complex)))).toEqual([new PickleTuple([1, 1])]);
  });

  test('containers of Python', () => {
    expect(read(base64(PLAIN.bytearray))).toEqual(Uint8Array.of(97, 98, 99));
    expect(read(base64(PLAIN.counter))).toEqual(
      new Map([
        ['a', 2],
        ['b', 1],
      ]),
    );
    expect(read(base64(PLAIN.range))).toEqual(new PickleTuple([0, 3, 1]));
  });
});
