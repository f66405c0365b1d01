// Classes that a checkpoint may hold beside what is read of it: dates, paths, settings of one's own. Nothing of them is
// imported or called; each stands as a value that is known by its name alone. What Python itself would run by loading the
// file is refused, so that whoever got it knows.
import { PickleGlobal, PickleObject, type PickleValue } from './pickleValues';

/** An instance of a class that means nothing here. What was put into it is dropped. */
export class PickleOpaque extends PickleObject {
  readonly typeName: string;
  constructor(typeName: string) {
    super();
    this.typeName = typeName;
  }
  override setState(): void {}
}

/** A class, or a function that rebuilds an instance, kept by name: what calling it would give is opaque. */
export function opaqueGlobal(typeName: string): PickleGlobal {
  return new PickleGlobal(typeName, () => new PickleOpaque(typeName));
}

/** Modules whose functions only rebuild data, below which everything is harmless that {@link RUNS_CODE} does not name. */
const DATA_MODULES = [
  'datetime',
  '_datetime',
  'zoneinfo',
  'pathlib',
  'collections',
  'decimal',
  '_decimal',
  'fractions',
  'uuid',
  'random',
  're',
  'time',
  'array',
  'enum',
  'argparse',
  'ipaddress',
  'pytz',
  'dateutil',
  'numpy',
  'torch',
  'scipy',
  'pandas',
  'sklearn',
  'nibabel',
  'SimpleITK',
  'nnunet',
  'nnunetv2',
  'batchgenerators',
  'batchgeneratorsv2',
  'dynamic_network_architectures',
  'acvl_utils',
];

/** Modules, and names in them, by which loading a pickle in Python can run code or touch files. */
const RUNS_CODE = [
  'os posix nt posixpath ntpath sys subprocess _posixsubprocess shutil socket ctypes _ctypes importlib',
  '_frozen_importlib imp runpy code codeop pty commands platform webbrowser pickle _pickle cPickle dill cloudpickle',
  'joblib marshal shelve pkgutil zipimport multiprocessing threading _thread asyncio signal inspect types functools',
  '_functools operator _operator itertools urllib http ftplib smtplib requests tempfile glob pdb bdb timeit trace',
  'profile cProfile doctest unittest setuptools pip distutils ensurepip venv idlelib test sqlite3 io _io codecs',
  '_codecs builtins __builtin__ copyreg copy_reg logging.config cgi pydoc site argparse.FileType',
  'torch.load torch.serialization.load torch.hub torch.jit torch.package torch.ops torch.classes torch.compile',
  'torch._dynamo torch._inductor torch.utils.cpp_extension torch.utils.model_zoo torch.utils.bottleneck',
  'numpy.load numpy.loadtxt numpy.genfromtxt numpy.fromfile numpy.memmap numpy.save numpy.f2py numpy.testing',
  'numpy.distutils numpy.ctypeslib scipy.io pandas.io pandas.read_pickle pandas.eval nnunet.run nnunetv2.run',
  'batchgenerators.utilities',
].flatMap((names) => names.split(' '));

const BUILTIN_MODULES = ['builtins', '__builtin__', 'exceptions'];

/** Built-in types and functions that may be referred to. */
const HARMLESS_BUILTINS =
  'object type Ellipsis NotImplemented ellipsis NoneType len max min sum abs round sorted print any all'.split(
    ' ',
  );

/** Names with dots that are no methods, as `torch.save` writes memory formats. */
const MEMORY_FORMATS = /^torch\.(channels_last|channels_last_3d|contiguous_format|preserve_format)$/;

/** Whether a name may stand for itself: plain data, or a class of somebody's own. */
export function isHarmlessName(module: string, name: string): boolean {
  const parts = name.split('.');
  const last = parts[parts.length - 1];
  const isClassName = /^_*[A-Z]/.test(last);
  if (parts.some((part) => /^__\w+__$/.test(part))) return false;
  if (BUILTIN_MODULES.includes(module)) {
    return (
      HARMLESS_BUILTINS.includes(name) ||
      /^[A-Z]\w*(Error|Warning|Exception|Exit|Interrupt|Iteration)$/.test(name)
    );
  }
  if (module === 'types' && name === 'SimpleNamespace') return true;
  const fullName = `${module}.${name}`;
  const isBelow = (prefix: string) => fullName === prefix || fullName.startsWith(`${prefix}.`);
  if (RUNS_CODE.some(isBelow)) return false;
  if (module.startsWith('torch') && MEMORY_FORMATS.test(name)) return true;
  // A method is no constructor.
  if (parts.length > 1) return isClassName;
  return isClassName || DATA_MODULES.some(isBelow);
}

/** `getattr(cls, name)`, by which enums and time zones are saved: a member of a class that is opaque already. */
export function memberOf([owner, name]: readonly PickleValue[]): PickleObject | undefined {
  if (!(owner instanceof PickleGlobal) || typeof name !== 'string') return undefined;
  if (owner.typeName === 'zoneinfo.ZoneInfo' && name === '_unpickle') return opaqueGlobal(owner.typeName);
  const isClass = /\._*[A-Z][^.]*$/.test(owner.typeName);
  return isClass && !name.startsWith('_') ? new PickleOpaque(`${owner.typeName}.${name}`) : undefined;
}

/** `or_(member, member)`, by which sets of flags are saved. */
export function unionOf(members: readonly PickleValue[]): PickleOpaque | undefined {
  const [first] = members;
  const areMembers = members.every((each) => each instanceof PickleOpaque);
  return areMembers && first instanceof PickleOpaque ? new PickleOpaque(first.typeName) : undefined;
}
