"""The official zip archives, read in place, member by member."""

from __future__ import annotations

import re
import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PureWindowsPath

from cityseg.data.layouts.source_file import SourceFile
from cityseg.errors import DataError

_SIGNATURE = b"PK\x03\x04"
_METHODS = {1: "Shrink", 6: "Implode", 9: "Deflate64", 12: "BZIP2", 14: "LZMA", 93: "Zstandard", 95: "XZ"}
_READ = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# Exceptions of zipfile for damaged members; NotImplementedError for patched or strongly encrypted ones.
_DAMAGE = (OSError, EOFError, zlib.error, zipfile.BadZipFile, struct.error, ValueError, NotImplementedError)


@dataclass(frozen=True, slots=True)
class ZipMember(SourceFile):
    """A member of a zip archive. Any number of threads may read members of one archive at once.

    ``zipfile`` reads under a lock and inflates outside it. For a 256x256 frame this takes 0.04 to 0.11 ms of CPU time
    more than ``os.pread`` without a lock, out of the 3 ms that preparing the frame takes.
    """

    member: str
    """Name inside the archive."""
    size: int
    """In bytes, uncompressed."""
    crc: int
    """CRC-32 from the index of the archive."""

    def __str__(self) -> str:
        return f"{self.path}!{self.member}"

    def read(self) -> bytes:
        """Return the member's bytes.

        Raises:
            DataError: the archive cannot be read, or the member is missing or damaged.
        """
        archive = open_archive(self.path)
        member = archive.NameToInfo.get(self.member)
        if member is None:
            raise DataError(f"{self}: expected a member of the archive, found none; connect the changed archive again")
        try:
            with archive.open(member) as opened:
                # The limit stops members that inflate to more than the index declares.
                return opened.read(member.file_size + 1)
        except _DAMAGE as error:
            found = f"a damaged one ({str(error) or 'the archive ends too early'})"
            raise DataError(f"{self}: expected a readable member, found {found}; copy it again") from None

    def oddity(self) -> str:
        """Return an empty string: only files of an archive are listed."""
        return ""

    def stamp(self) -> str:
        """Return name, size and CRC-32 from the index, which change with the member."""
        return f"{self.name} {self.size} {self.crc:08x}"


def open_archive(path: Path) -> zipfile.ZipFile:
    """Open a zip archive, once per process while the file does not change.

    Raises:
        DataError: it is missing, not a zip file, truncated, encrypted, compressed by an unsupported method, or contains
            a name outside its own folder.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise DataError(f"{path}: expected a zip archive, found {error.strerror}") from None
    if not stat.S_ISREG(status.st_mode):
        raise DataError(f"{path}: expected a zip archive, found {SourceFile(path, path.name).oddity()}; remove it")
    return _open(path.absolute(), (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns))


@lru_cache(maxsize=8)
def _open(path: Path, identity: tuple[int, ...]) -> zipfile.ZipFile:
    try:
        archive = zipfile.ZipFile(path)
    except OSError as error:
        raise DataError(f"{path}: expected a readable file, found {error.strerror}; check its permissions") from None
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, struct.error, ValueError) as error:
        found = f"a file that is no zip archive ({error})" if identity[2] else "an empty file"
        with path.open("rb") as opened:
            if opened.read(4) == _SIGNATURE:
                found = f"one cut short or damaged at its end ({identity[2]:,} bytes)"
        raise DataError(f"{path}: expected a whole zip archive, found {found}; download it again") from None
    for member in archive.infolist():
        _check(path, member)
    return archive


def _check(path: Path, member: zipfile.ZipInfo) -> None:
    # ``orig_filename`` is the stored name; ``filename`` is truncated at a null character.
    stored = member.orig_filename
    name = PureWindowsPath(stored)  # handles both slashes, and drives
    if name.anchor or ".." in name.parts or not stored.isprintable():
        found = f"found {stored!r}; do not use this archive"
        raise DataError(f"{path}: expected members below the archive's own folder, {found}")
    if member.flag_bits & 1:
        raise DataError(f"{path}: expected an archive without a password, found {member.filename} encrypted; unlock it")
    if member.compress_type not in _READ:
        method = _METHODS.get(member.compress_type, f"method {member.compress_type}")
        raise DataError(
            f"{path}: expected members that are stored or deflated, found {member.filename} packed with {method}; "
            "pack it again as an ordinary zip"
        )


def list_members(path: Path, folder: str, suffixes: tuple[str, ...]) -> dict[str, SourceFile]:
    """List an archive's members below a top folder, for example ``gtFine``, except hidden ones, by path from there on.

    Suffixes are in lower case and matched regardless of case; a single folder around everything is skipped.

    Raises:
        DataError: as raised by ``open_archive``, or the folder is missing.
    """
    members = {member.filename: member for member in open_archive(path).infolist() if not member.is_dir()}
    # Repacked archives may have a folder around everything, or the extra folder that macOS adds.
    above = re.compile(rf"(?:[^/]+/)?(?={folder}/)")
    outers = {match[0] for name in members if (match := above.match(name))} - {"__MACOSX/"}
    if len(outers) != 1:
        first = min(members, default="")
        found = f"{first} and others" if first else "no member"
        raise DataError(f"{path}: expected members named {folder}/..., found {found}; use the official archive")
    (outer,) = outers
    files = {name.removeprefix(outer): member for name, member in members.items()}
    return {
        name: ZipMember(path, name, member.filename, member.file_size, member.CRC)
        for name, member in files.items()
        if name.startswith(f"{folder}/") and name.lower().endswith(suffixes) and "/." not in name
    }
