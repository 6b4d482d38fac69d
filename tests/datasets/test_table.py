"""Tables as spreadsheets and people write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mrtoct.datasets.listing import list_subjects
from mrtoct.datasets.subject_files import SubjectFiles
from mrtoct.errors import CohortError, FileError
from mrtoct.io.scan import Scan


@pytest.fixture
def folder(tmp_path):
    for name in ("a/ct.nii", "a/mr.nii", "b ct.mha", "b,t1.mha", "t2.mha", "x.tfm", "m.nii"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "dicom").mkdir()
    return tmp_path


def table(folder, text, name="cohort.csv", encoding="utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def test_every_column(folder):
    text = (
        "subject,ct,ct_series,mr_T1,mr_T2,mr_T1_series,ct_to_mr,mask,aligned\n"
        'b,b ct.mha,,"b,t1.mha",t2.mha,,x.tfm,m.nii,no\n'
        "a,dicom,head 2.0,dicom,,7,,,\n"
        f"c,{folder / 'a' / 'ct.nii'},,a/mr.nii,,,,,YES\n"
    )
    listing = list_subjects(table(folder, text))
    assert (listing.layout, listing.rejected) == ("table", {})
    assert listing.subjects == [
        SubjectFiles(
            "b", {"T1": Scan(folder / "b,t1.mha"), "T2": Scan(folder / "t2.mha")},
            Scan(folder / "b ct.mha"), ct_to_mr=folder / "x.tfm", mask=folder / "m.nii",
        ),
        SubjectFiles("a", {"T1": Scan(folder / "dicom", "7")}, Scan(folder / "dicom", "head 2.0")),
        SubjectFiles(
            "c", {"T1": Scan(folder / "a/mr.nii")}, Scan(folder / "a/ct.nii"), aligned=True
        ),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "name", "encoding"),
    [
        ("subject,ct,mr\na,a/ct.nii,a/mr.nii\n", "x.csv", "utf-8-sig"),  # Excel's byte order mark
        ("\n\nsubject,ct,mr\r\n\r\na,a/ct.nii,a/mr.nii\r\n,,\r\n", "x.csv", "utf-8"),
        ("subject;ct;mr\na;a/ct.nii;a/mr.nii", "x.csv", "utf-8"),
        ("subject\tct\tmr\na\ta/ct.nii\ta/mr.nii\n", "x.tsv", "utf-8"),
        (" subject , ct , mr \n a , a/ct.nii , \"a/mr.nii\"\n", "x.CSV", "utf-8"),
        ("subject,ct,mr,mask\na,a/ct.nii,a/mr.nii\n", "x.csv", "utf-8"),  # a short line
    ],
)  # fmt: skip
def test_the_ways_of_writing_a_table(folder, text, name, encoding):
    (subject,) = list_subjects(table(folder, text, name, encoding)).subjects
    assert subject == SubjectFiles(
        "a", {"mr": Scan(folder / "a/mr.nii")}, Scan(folder / "a/ct.nii")
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("subject,ct,mr,msk\na,a/ct.nii,a/mr.nii,\n", "unknown column msk (is mask meant?)"),
        ("subject,ct,mr,age\na,a/ct.nii,a/mr.nii,7\n", "unknown column age; allowed: subject, ct"),
        ("subject,ct,mr,mr_T1_series\na,a/ct.nii,a/mr.nii,\n", "unknown column mr_T1_series"),
        ("subject,ct,mr_T 1\na,a/ct.nii,a/mr.nii\n", "column mr_T 1: an MR channel's name"),
        ("subject,ct,mr,ct\na,a/ct.nii,a/mr.nii,\n", "the column ct twice"),
        ("subject,mr\na,a/mr.nii\n", "no column ct; it has subject, mr"),
        ("ct,mr\na/ct.nii,a/mr.nii\n", "no column subject"),
        ("subject,ct\na,a/ct.nii\n", "no column mr or mr_CHANNEL"),
        ("subject,ct,mr\n", "lists no subject"),
        ("", "lists no subject"),
        ("subject,ct,mr\na,a/ct.nii,a/mr.nii\nA,a/ct.nii,a/mr.nii\n",
         "line 3, column subject: A is already in line 2"),
        ("subject,ct,mr\n../a,a/ct.nii,a/mr.nii\n", "line 2, column subject: "),
        ("subject,ct,mr\n,a/ct.nii,a/mr.nii\n", "not empty"),
        ("subject,ct,mr\na/b,a/ct.nii,a/mr.nii\n", "'/' is not allowed in it, got 'a/b'"),
        ("subject,ct,mr\nmanifest.json,a/ct.nii,a/mr.nii\n", "reserved"),
        ("subject,ct,mr,aligned\na,a/ct.nii,a/mr.nii,maybe\n",
         "line 2, column aligned: yes or no are allowed, got 'maybe'"),
        ("subject,ct,mr,aligned,ct_to_mr\na,a/ct.nii,a/mr.nii,yes,x.tfm\n", "leave one of the two"),
        ("subject,ct,mr\na,a/ct.nii,a/mr,.nii\n", "line 2 has 4 cells, the header 3"),
        ('subject,ct,mr\na,"a/ct.nii"x,a/mr.nii\n', "line 2: "),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_meant_is_an_error_that_names_the_place(folder, text, reason):
    with pytest.raises(CohortError) as error:
        list_subjects(table(folder, text))
    assert "cohort.csv" in str(error.value)
    assert reason in str(error.value)


def test_rows_whose_files_are_missing_are_rejected(folder):
    text = (
        "subject,ct,mr,mr_series,mask\n"
        "good,a/ct.nii,a/mr.nii,,\n"
        "no_file,a/ct.nii,a/nothing.nii,,\n"
        "no_ct,,a/mr.nii,,\n"
        "no_mr,a/ct.nii,,,\n"
        "no_folder,a/ct.nii,a/mr.nii,T1,\n"
        "no_mask,a/ct.nii,a/mr.nii,,mask.nii\n"
    )
    listing = list_subjects(table(folder, text))
    assert [s.name for s in listing.subjects] == ["good"]
    said = listing.rejected
    assert "line 3, column mr: " in said["no_file"] and "does not exist" in said["no_file"]
    assert "line 4, column ct: no CT" in said["no_ct"]
    assert "line 5: no MR in column mr" in said["no_mr"]
    assert "line 6, column mr_series: " in said["no_folder"]
    assert "line 7, column mask: " in said["no_mask"]


def test_a_path_that_no_disk_takes_rejects_its_row(folder):
    text = f"subject,ct,mr\na,a/ct.nii,a/mr.nii\nb,{'x' * 5000},a/mr.nii\nc,a/ct.nii,\0\n"
    listing = list_subjects(table(folder, text))
    assert [subject.name for subject in listing.subjects] == ["a"]
    assert "line 3: File name too long" in listing.rejected["b"]
    assert "line 4" in listing.rejected["c"]


def test_a_table_that_is_no_text_is_an_error(folder):
    (folder / "x.csv").write_bytes(b"\xff\xfe\x00s")
    with pytest.raises(FileError, match="not a text table in UTF-8"):
        list_subjects(folder / "x.csv")
