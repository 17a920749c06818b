"""A bundle read as it is: oddities of real files do no harm, and no row is lost."""

from pathlib import Path

import pytest

from rostersync.simulator.bundle import UNDATED, Bundle
from rostersync.simulator.roster import Wiped
from support.simulated import everything


def write(folder: Path, name: str, text: str, encoding: str = "utf-8") -> None:
    (folder / name).write_bytes(text.encode(encoding))


def test_cells_become_json_values(tmp_path: Path) -> None:
    write(
        tmp_path,
        "users.csv",
        "sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,agentSourcedIds,"
        'grades,password,metadata.homeroom\r\nu2,,,true,"s1,s2",student,u2,"{Local:863},{SIS:9}",Aster,,"09, 10",x,\r\n'
        "u1,tobedeleted,2026-01-01T00:00:00.000Z,0,s1,teacher,u1,,,u2,,,12\r\n\r\n",
        "utf-8-sig",
    )
    first, second = everything(Bundle(tmp_path), "users")
    assert [first["sourcedId"], second["sourcedId"]] == ["u1", "u2"], "sorted by sourcedId"
    assert (first["status"], first["dateLastModified"]) == ("tobedeleted", "2026-01-01T00:00:00.000Z")
    assert (second["status"], second["dateLastModified"]) == ("active", UNDATED)
    assert (first["enabledUser"], second["enabledUser"]) == (False, True)
    assert [o["sourcedId"] for o in second["orgs"]] == ["s1", "s2"]
    assert second["userIds"] == [{"type": "Local", "identifier": "863"}, {"type": "SIS", "identifier": "9"}]
    assert second["grades"] == ["09", "10"]
    assert (first["givenName"], first["grades"], first["userIds"]) == (None, None, None)
    assert first["agents"][0]["sourcedId"] == "u2"
    assert first["metadata"] == {"homeroom": "12"}
    assert "password" not in second


def test_missing_files_are_empty_and_names_may_have_any_case(tmp_path: Path) -> None:
    write(tmp_path, "Orgs.csv", "sourcedId,name,type,parentSourcedId\nd,County,district,\ns,Hill,school,d\n")
    bundle = Bundle(tmp_path)
    assert (bundle.total("orgs"), bundle.total("schools"), bundle.total("users")) == (2, 1, 0)
    assert everything(bundle, "schools")[0]["parent"]["sourcedId"] == "d"
    assert bundle.one("schools", "d") is None
    assert Wiped(bundle, ["orgs"]).total("schools") == 0
    assert Wiped(bundle, ["orgs"]).one("orgs", "d", "") is None


def test_a_folder_without_a_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no rows"):
        Bundle(tmp_path)
