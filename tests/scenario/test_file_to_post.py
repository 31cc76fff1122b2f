"""A file on an FTP server becomes a signed POST: the main road, over real ProFTPD."""

import io

from harness.contract import check_post, delivery_id
from harness.stack import ACCOUNT
from harness.waiting import wait_until

DAY = {  # the tree of a studio: what is uploaded, with which content
    "in/orders/ORDERS_D96A_4012345000009_20260311T071502Z.edi": b"UNA:+.? 'UNB+UNOC:3'",
    "masters/NLM_S02E07_UHD_v3_final.mxf": b"m" * 300_000,
    "nightly/2026-03-11/db01_full_20260311-0200.sql.zst": b"z" * 10_000,
}
HARD_NAMES = [
    "it's 100% \"done\".csv",
    "a  b .txt",
    "C:\\temp\\x.dat",
    "%2e%2e",
    "日本語字幕.srt",
    "Key Art (final) – Übersicht.tif",
    "n" * 255,
    "-rf",
    "#hash;semi,comma",
]


def running_system(stack, ftp, **source):
    """Producer and worker on this FTP server."""
    stack.worker()
    stack.producer(ftp.source(**source))


def posted(endpoint, path="/hook"):
    """(event, path) of each POST."""
    return sorted((post.json["event"], post.json["data"].get("path")) for post in endpoint.posts_to(path))


def wait_posted(stack, endpoint, expected, path="/hook"):
    endpoint.wait_posts(len(expected), path, watch=stack.running())
    assert posted(endpoint, path) == sorted(expected)


def test_an_upload_seen_as_226_becomes_a_post_and_a_record(stack, ftp, endpoint, tmp_path):
    webhook = stack.webhook()
    running_system(stack, ftp)
    (tmp_path / "order.csv").write_bytes(b"id;amount\n1;20\n")

    said = ftp.curl("-T", str(tmp_path / "order.csv"), ftp.url("pipeline", "/order.csv"))
    assert "< 226" in said

    [post] = endpoint.wait_posts(1, watch=stack.running())
    body = check_post(post, webhook, "file.uploaded", ACCOUNT)
    assert post.attempt == 1
    data = body["data"]
    assert data["path"] == "/order.csv"
    assert (data["size"], data["username"], data["client_ip"]) == (15, "pipeline", "127.0.0.1")
    assert (data["protocol"], data["frontend"]) == ("ftp", "proftpd")

    [event] = [record for record in stack.topics.read("events")]
    assert event.key == f"{ACCOUNT}/order.csv"
    [record] = stack.wait_statuses({"delivered": 1}).values()
    assert record["schema"] == "trueftp.delivery/1"
    assert record["delivery_id"] == post.delivery_id == delivery_id(record["event_id"], webhook.id)
    assert (record["webhook_id"], record["account_id"]) == (webhook.id, ACCOUNT)
    assert (record["event"], record["path"], record["http_status"]) == ("file.uploaded", "/order.csv", 200)
    assert (record["attempt"], record["max_attempts"], record["error"]) == (1, 3, None)
    assert "body" not in record
    assert [at["attempt"] for at in record["attempts"]] == [1]
    assert record["event_ref"] == {"topic": stack.topics.name("events"), "partition": event.partition, "offset": event.offset}


def test_what_a_client_does_in_a_day(stack, ftp, endpoint, tmp_path):
    stack.webhook()
    running_system(stack, ftp)
    for name, content in DAY.items():
        (tmp_path / name.rpartition("/")[2]).write_bytes(content)
        ftp.curl("--ftp-create-dirs", "-T", str(tmp_path / name.rpartition("/")[2]), ftp.url("pipeline", "/" + name))
    order, master, dump = DAY
    ftp.lftp("pipeline", f"get {order} -o {tmp_path}/fetched; mkdir old; rmdir old; rm {dump}; rmdir nightly/2026-03-11")
    assert (tmp_path / "fetched").read_bytes() == DAY[order]

    folders = ["/in", "/in/orders", "/masters", "/nightly", "/nightly/2026-03-11", "/old"]
    wait_posted(
        stack,
        endpoint,
        [("dir.created", folder) for folder in folders]
        + [("file.uploaded", "/" + name) for name in (order, master, dump)]
        + [("file.downloaded", "/" + order), ("file.deleted", "/" + dump)]
        + [("dir.deleted", "/old"), ("dir.deleted", "/nightly/2026-03-11")],
    )
    sizes = {post.json["data"]["path"]: post.json["data"]["size"] for post in endpoint.posts if post.json["event"] == "file.uploaded"}
    assert sizes == {"/" + name: len(content) for name, content in DAY.items()}


def test_a_temporary_name_is_announced_under_its_final_one(stack, ftp, endpoint):
    stack.webhook("/all", events="*")
    stack.webhook("/renames", events="file.renamed")
    running_system(stack, ftp, announce_temporary=0, announce_renames=1)
    with ftp.session("pipeline") as session:
        session.storbinary("STOR deliver.csv.part", io.BytesIO(b"hello"))
        session.rename("deliver.csv.part", "deliver.csv")
        session.rename("deliver.csv", "done.csv")
    endpoint.wait_posts(1, "/renames", watch=stack.running())
    wait_posted(stack, endpoint, [("file.uploaded", "/deliver.csv")], "/all")
    [upload] = endpoint.posts_to("/all")
    assert upload.json["data"]["renamed_from"] == "/deliver.csv.part"
    assert upload.json["data"]["size"] == 5
    [rename] = endpoint.posts_to("/renames")
    assert (rename.json["event"], rename.json["data"]["path"], rename.json["data"]["renamed_from"]) == ("file.renamed", "/done.csv", "/deliver.csv")


def test_a_tree_with_hard_names_is_mirrored(stack, ftp, endpoint, tmp_path):
    webhook = stack.webhook(events="file.uploaded,dir.created")
    running_system(stack, ftp)
    tree = tmp_path / "tree" / "inbox"
    tree.mkdir(parents=True)
    for name in HARD_NAMES:
        (tree / name).write_bytes(name.encode())
    ftp.lftp("pipeline", f"set ftp:use-utf8 yes; mirror -R {tmp_path}/tree /tree")
    expected = [("file.uploaded", f"/tree/inbox/{name}") for name in HARD_NAMES]
    wait_posted(stack, endpoint, expected + [("dir.created", "/tree"), ("dir.created", "/tree/inbox")])
    for post in endpoint.posts:
        check_post(post, webhook, post.json["event"], ACCOUNT)


def test_a_name_that_is_not_utf8_keeps_its_exact_bytes(stack, ftp, endpoint):
    stack.webhook()
    running_system(stack, ftp)
    with ftp.session("pipeline", encoding="latin-1") as session:
        session.storbinary("STOR résumé.pdf", io.BytesIO(b"hello"))
    [post] = endpoint.wait_posts(1, watch=stack.running())
    assert post.json["data"]["path"] == "/r\ufffdsum\ufffd.pdf"
    assert post.json["data"]["path_base64"] == "L3Lpc3Vt6S5wZGY="


def test_a_name_with_a_newline_forges_nothing(stack, ftp, endpoint):
    """The server refuses it; what its log says about the refusal must not become an event."""
    stack.webhook()
    running_system(stack, ftp)
    session = ftp.session("pipeline")
    forged = "x//\n@WH1\t1\t1\tftp\t6.6.6.6\tSTOR\t226\tsuccess\t1\t0\t1\tfalse\t\tacc_acme\tpipeline\t/forged"
    session.sock.sendall(f"DELE {forged}//\r\n".encode())
    assert session.getmultiline()[:1] == "5"
    session.close()
    with ftp.session("pipeline") as after:
        after.storbinary("STOR honest.txt", io.BytesIO(b"hello"))
    wait_posted(stack, endpoint, [("file.uploaded", "/honest.txt")])


def test_each_account_gets_its_own_events_alone(stack, ftp, endpoint):
    stack.definitions.account("acc_stranger")
    stack.webhook("/acme")
    stack.webhook("/stranger", account="acc_stranger")
    running_system(stack, ftp)
    ftp.upload_many("pipeline", ["ours.txt"])
    ftp.upload_many("stranger", ["theirs.txt"])
    wait_posted(stack, endpoint, [("file.uploaded", "/ours.txt")], "/acme")
    wait_posted(stack, endpoint, [("file.uploaded", "/theirs.txt")], "/stranger")


def test_patterns_choose_what_a_webhook_gets(stack, ftp, endpoint):
    stack.webhook("/orders", events="file.uploaded", path_pattern="/in/**/*.edi")
    stack.webhook("/all", events="*")
    running_system(stack, ftp)
    with ftp.session("pipeline") as session:
        for folder in ("in", "in/orders"):
            session.mkd(folder)
        for name in ("in/orders/a.edi", "in/orders/a.txt", "in/b.edi", "c.edi"):
            session.storbinary(f"STOR {name}", io.BytesIO(b"hello"))
    endpoint.wait_posts(6, "/all", watch=stack.running())
    stack.wait_deliveries(lambda records: len(records) >= 7, "all deliveries are recorded")
    assert ("file.uploaded", "/in/orders/a.edi") in posted(endpoint, "/orders")
    assert ("file.uploaded", "/c.edi") not in posted(endpoint, "/orders")
    assert ("file.uploaded", "/in/orders/a.txt") not in posted(endpoint, "/orders")


def test_uploads_while_the_producer_is_down_are_announced_when_it_is_back(stack, ftp, endpoint):
    stack.webhook()
    stack.worker()
    producer = stack.producer(ftp.source())
    ftp.upload_many("pipeline", [f"before-{n}.txt" for n in range(50)])
    endpoint.wait_posts(10, watch=stack.running())
    producer.kill()
    ftp.upload_many("pipeline", [f"while-{n}.txt" for n in range(50)])
    stack.producer(ftp.source(), name="producer-again")
    ftp.upload_many("pipeline", [f"after-{n}.txt" for n in range(50)])

    expected = {f"/{word}-{n}.txt" for word in ("before", "while", "after") for n in range(50)}
    wait_until(
        "all 150 uploads are posted",
        lambda: {post.json["data"]["path"] for post in endpoint.posts_to("/hook")} == expected,
        watch=stack.running(),
    )
    # What was read twice is the same event, so it was delivered once.
    ids = {}
    for post in endpoint.posts_to("/hook"):
        ids.setdefault(post.json["data"]["path"], set()).add(post.delivery_id)
    assert all(len(found) == 1 for found in ids.values())
    stack.wait_statuses({"delivered": 150})
    assert len(endpoint.posts_to("/hook")) == 150


def test_a_rotated_log_is_followed_to_its_end(stack, ftp, endpoint):
    stack.webhook()
    running_system(stack, ftp)
    with ftp.session("pipeline") as old_session:
        old_session.storbinary("STOR one.txt", io.BytesIO(b"hello"))
        ftp.log.rename(ftp.log.with_suffix(".log.1"))
        ftp.upload_many("pipeline", ["two.txt"])  # a new session: into the new file
        old_session.storbinary("STOR three.txt", io.BytesIO(b"hello"))  # the old one still writes the old file
    wait_posted(stack, endpoint, [("file.uploaded", f"/{n}.txt") for n in ("one", "two", "three")])
