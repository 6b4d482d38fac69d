import http.client
import threading
from contextlib import contextmanager
from urllib.parse import urlsplit

import numpy as np
import pytest

from browser import complaints, pixels, press, show
from mrtoct.errors import FileError
from mrtoct.report.serve import scene_server
from mrtoct.report.volumes import NamedVolume, scene_of_volumes
from mrtoct.volume import Grid, Volume

GRID = Grid((21, 23, 19), np.diag([2.0, 2.0, 2.0, 1.0]))


@contextmanager
def serving():
    generator = np.random.default_rng(1)
    ct = generator.normal(40, 5, GRID.shape)
    ct[:4] = ct[-4:] = -1000
    ct[6:12, 12:18, 10:16] = 1200
    mask = ct > -500
    volumes = [
        NamedVolume("ct.nii.gz", Volume(ct.astype(np.int16), GRID, "HU")),
        NamedVolume("mr.nii.gz", Volume((ct + 1100).astype(np.int16), GRID, "a.u.")),
        NamedVolume("<head>.nii.gz", Volume(mask.astype(np.uint8), GRID, "label")),
    ]
    coded = scene_of_volumes(volumes)
    server, address = scene_server(coded)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield address, coded
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def ask(address, path, host=None, method="GET"):
    parts = urlsplit(address)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=60)
    connection.request(method, path, headers={"Host": host or parts.netloc})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.headers, body


def test_it_serves_its_own_page_and_nothing_else():
    with serving() as (address, coded):
        root = urlsplit(address).path
        assert address.startswith("http://127.0.0.1:")
        status, headers, page = ask(address, root)
        assert status == 200
        assert b"&lt;head&gt;.nii.gz" in page
        assert b"<head>.nii.gz" not in page
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["Cache-Control"] == "no-store"
        assert ask(address, f"{root}voxels/layer1")[2] == coded.codes["layer1"]
        # Neither without the secret, nor anything that lies on the disk.
        for path in ("/", "/voxels/layer0", f"{root}../", f"{root}voxels/../../etc/passwd"):
            assert ask(address, path)[0] == 404
        assert ask(address, f"{root}voxels/layer9")[0] == 404
        assert ask(address, root, method="POST")[0] == 501


def test_another_host_name_is_refused():
    with serving() as (address, _):
        parts = urlsplit(address)
        for host in ("evil.example", f"evil.example:{parts.port}", "127.0.0.1", "127.0.0.1:1"):
            status, _, body = ask(address, parts.path, host)
            assert status == 403
            assert b"viewer" not in body
        assert ask(address, parts.path, f"localhost:{parts.port}")[0] == 200


def test_addresses_cannot_be_guessed():
    with serving() as (one, _), serving() as (other, _):
        assert urlsplit(one).path != urlsplit(other).path
        assert len(urlsplit(one).path) > 20


def test_a_taken_port_is_named():
    with serving() as (address, coded):
        port = urlsplit(address).port
        with pytest.raises(FileError, match=f"port {port} of 127.0.0.1"):
            scene_server(coded, port=port)


def test_the_served_page_works_in_a_browser(tab):
    wrong = complaints(tab)
    with serving() as (address, _):
        show(tab, address)
        tab.focus("#viewer")
        titles = tab.evaluate("[...document.querySelectorAll('figcaption')].map(f => f.innerText)")
        assert titles == ["ct.nii.gz", "mr.nii.gz"]
        first = pixels(tab, "canvas[data-layer=layer0]")
        press(tab, "PageUp")
        assert pixels(tab, "canvas[data-layer=layer0]") != first
        assert "Slice 19 of 19" in tab.evaluate("document.getElementById('position').textContent")
        # The mask lies over everything from the beginning: orange has no grey.
        painted = np.reshape(pixels(tab, "canvas[data-layer=layer1]"), (64, 64, 3)).astype(int)
        middle = painted[24:40, 24:40]
        assert (middle[..., 0] > middle[..., 2] + 40).all()
        readout = tab.evaluate("document.getElementById('readout').textContent")
        assert "<head>.nii.gz 1" in readout
        assert wrong == []
