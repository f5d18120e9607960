"""Runs the peers, interleaved and bounded, and prints Markdown tables (entry: bench.sh)."""
import argparse, atexit, json, os, re, resource, signal, socket, statistics as st, subprocess, sys, time
import servers

A = argparse.ArgumentParser()
A.add_argument("--tmp", required=True)
A.add_argument("--phases", default="rps,free,bearer,idle,body,upload,tls,workers,syscalls,instr")
A.add_argument("--only")
A.add_argument("--rounds", type=int, default=3)
A.add_argument("--secs", type=int, default=5)
A.add_argument("--json")
A.add_argument("--guard", metavar="FILE", help="fail when our instructions a request exceed those in FILE by more than 3 %%")
A.add_argument("--list", action="store_true")
A.add_argument("--keep", action="store_true")
a = A.parse_args()
a.secs = min(a.secs, 10)
tmp, phases = a.tmp, a.phases.split(",")
PROXY, LOAD, ALL = {0}, {1}, {0, 1}
support, peers, results = [], [], {}


def comm(p):
    try:
        return open(f"/proc/{p}/comm").read()
    except OSError:  # it has ended since the folder was read
        return ""


softirqd = [p for p in os.listdir("/proc") if p.isdigit() and comm(p).startswith("ksoftirqd")]


def say(*x):
    print(*x, file=sys.stderr, flush=True)


@atexit.register
def stop_all():
    for p in [q.proc for q in peers] + support:
        p.stop()


for s in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(s, lambda *_: sys.exit(1))


def cpu(pids):
    """CPU time of processes so far: (nanoseconds, user ticks, system ticks)."""
    ns = u = s = 0
    for pid in pids:
        try:
            for t in os.listdir(f"/proc/{pid}/task"):
                ns += int(open(f"/proc/{pid}/task/{t}/schedstat").read().split()[0])
            f = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
            u, s = u + int(f[11]), s + int(f[12])
        except OSError:
            pass
    return ns, u, s


def mem(pids):
    """(RSS, PSS, anonymous RSS) in KiB."""
    r = p = an = 0
    for pid in pids:
        try:
            t = open(f"/proc/{pid}/smaps_rollup").read()
            r += int(re.search(r"^Rss:\s+(\d+)", t, re.M).group(1))
            p += int(re.search(r"^Pss:\s+(\d+)", t, re.M).group(1))
            an += int(re.search(r"^Anonymous:\s+(\d+)", t, re.M).group(1))
        except OSError:
            pass
    return r, p, an


def hdrs(p):
    return [x for h in p.headers for x in ("-H", h)]


def client(cmd, where, env=None):
    return subprocess.run(["taskset", "-c", ",".join(map(str, sorted(where)))] + cmd, capture_output=True, text=True,
                          env={**os.environ, **(env or {})}, timeout=60).stdout


UNIT = {"us": 1, "ms": 1e3, "s": 1e6, "m": 6e7}


def wrk(p, c, secs, where, path="/", script=None, env=None, base=None):
    """One run of wrk: requests, requests/s, latencies (us), the peer's CPU us a request, its CPU share."""
    cmd = ["wrk", "-t1", f"-c{c}", f"-d{secs}s", "--latency", *hdrs(p)] + (["-s", script] if script else []) + [(base or p.url) + path]
    pids = p.proc.pids()
    t0, c0 = time.time(), cpu(pids)
    o = client(cmd, where, env)
    c1, t1 = cpu(pids), time.time()
    m = re.search(r"(\d+) requests in", o)
    n = int(m.group(1)) if m else 0
    lat = {k: float(v) * UNIT[u] for k, v, u in re.findall(r"^\s+(50|99)%\s+([\d.]+)(us|ms|s|m)$", o, re.M)}
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", o)
    err = re.search(r"Socket errors: (.*)", o)
    if bad or err or not n:
        say(f"  !! {p.key}: {bad and bad.group(0)} {err and err.group(0)} n={n}")
    ns = c1[0] - c0[0]
    ticks = max(1, c1[1] + c1[2] - c0[1] - c0[2])
    rps = float(re.search(r"Requests/sec:\s+([\d.]+)", o).group(1)) if n else 0
    return dict(n=n, rps=rps, p50=lat.get("50"), p99=lat.get("99"), us=ns / 1e3 / max(n, 1), busy=ns / 1e9 / (t1 - t0),
                sys=(c1[2] - c0[2]) / ticks, cpu_s=ns / 1e9, bad=int(bad.group(1)) if bad else 0, err=err.group(1) if err else "")


def fixed_rate(p, rate, secs, where, conns=4):
    """h2load at a fixed rate over HTTP/1.1 connections: requests/s that came of it, latency percentiles (us)."""
    log = f"{tmp}/h2load.log"
    if os.path.exists(log):
        os.unlink(log)
    pids = p.proc.pids()
    c0 = cpu(pids)
    client(["h2load", "--h1", "-t1", f"-c{conns}", f"--rps={rate / conns:.3f}", f"-D{secs}", f"--log-file={log}", *hdrs(p), p.url + "/"], where)
    c1 = cpu(pids)
    v = sorted(int(l.split("\t")[2]) for l in open(log) if l.split("\t")[1] == "200")
    if not v:
        return {}
    return dict(n=len(v), rps=len(v) / secs, p50=v[len(v) // 2], p99=v[int(len(v) * .99)], p999=v[int(len(v) * .999)], us=(c1[0] - c0[0]) / 1e3 / len(v))


def med(v):
    v = [x for x in v if x is not None]
    return st.median(v) if v else float("nan")


def spread(v, f="{:.0f}"):
    return f"{f.format(med(v))} ({f.format(min(v))}–{f.format(max(v))})" if v else "–"


def table(head, rows):
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for r in rows:
        print("| " + " | ".join(str(x) for x in r) + " |")
    print(flush=True)


def steal():
    f = open("/proc/stat").readline().split()
    return int(f[8]), sum(map(int, f[1:9]))


def ticks():
    """CPU seconds that everything, and that we, have used so far."""
    f = open("/proc/stat").readline().split()
    ours = sum(cpu(q.pids())[0] for q in {id(x): x for x in [p.proc for p in peers] + support}.values() if q.p or q.found) / 1e9
    ours += cpu(softirqd)[0] / 1e9  # loopback packets are our load, too
    r = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return (sum(map(int, f[1:4] + f[6:8]))) / os.sysconf("SC_CLK_TCK"), ours + sum(x.ru_utime + x.ru_stime for x in r), time.time()


def foreign(t0, t1):
    """The share of the machine that others used meanwhile."""
    return ((t1[0] - t0[0]) - (t1[1] - t0[1])) / (t1[2] - t0[2]) / os.cpu_count()


def quiet(limit=900):
    """Waits until nobody else loads the machine."""
    end, told = time.time() + limit, False
    while time.time() < end:
        t0 = ticks()
        time.sleep(0.5)
        x = foreign(t0, ticks())
        if x < 0.05:
            return
        if not told:
            told = True
            say(f"  waiting: others use {100 * x:.0f}% of the machine")
    say("  !! never quiet")


def undisturbed(name, f, tries=3):
    """Runs f() on a quiet machine, again if somebody disturbed it; the least disturbed result."""
    best = None
    for _ in range(tries):
        quiet()
        t0 = ticks()
        d = f()
        x = foreign(t0, ticks())
        if best is None or x < best[0]:
            best = (x, d)
        if x < 0.05:
            break
        say(f"  {name}: disturbed ({100 * x:.0f}% of the machine), again")
    return best


def curl(p, path, headers, post=()):
    h = [x for y in headers for x in ("-H", y)]
    return subprocess.run(["curl", "-s", "-m", "5", "-o", f"{tmp}/out", "-w", "%{http_code}", *h, *post, p.url + path], capture_output=True, text=True).stdout, \
        open(f"{tmp}/out", errors="replace").read() if os.path.exists(f"{tmp}/out") else ""


def check(p):
    """Each peer must let the user through with the right header, and refuse nobody and a changed token."""
    code, body = curl(p, "/whoami", p.headers)
    res = [code == "200" and (not p.auth or "user=alice" in body)]
    if p.auth:
        res.append(curl(p, "/whoami", [])[0] != "200")
        h = p.headers[0]
        for at in (len(h) - 20, len(h) // 2):
            res.append(curl(p, "/whoami", [h[:at] + ("A" if h[at] != "A" else "B") + h[at + 1:]])[0] != "200" or None)
    say(f"  check {p.key}: with={code} {body.strip()[:20]!r} {res}  header bytes={sum(map(len, p.headers))}")
    if False in res:
        raise SystemExit(f"{p.key}: check failed")


def rounds(name, where_proxy, where_load, one, some=None):
    """Runs one(peer) for every peer, a.rounds times, in a rotating order; keeps everything."""
    todo = some or peers
    for s in support:
        s.pin(where_load)
    for p in peers:
        p.proc.pin(where_load if p.key == "direct" else where_proxy)
    out = {p.key: [] for p in todo}
    for r in range(a.rounds):
        k = r * len(todo) // max(1, a.rounds)
        for p in todo[k:] + todo[:k]:
            s0 = steal()
            x, d = undisturbed(p.key, lambda: one(p))
            s1 = steal()
            d["foreign"], d["steal"] = x, (s1[0] - s0[0]) / max(1, s1[1] - s0[1])
            out[p.key].append(d)
            say(f"  {name} round {r + 1} {p.key}: " + " ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in d.items() if not isinstance(v, dict)))
    results[name] = out
    return out


def ratio(out, key, f):
    """Ratios to plain nginx: to its run just before, where there was one, else to its run of the same round."""
    return [f(x) / f(x.get("base", y)) for x, y in zip(out[key], out["nginx"]) if f(x.get("base", y))]


def phase_rps(name, wp, wl, pinned):
    nginx, half = next(p for p in peers if p.key == "nginx"), None

    def one(p):
        nonlocal half
        wrk(p, 64, 1, wl)
        base = wrk(nginx, 64, 2, wl)  # this machine's speed drifts: a neighbour in time to divide by
        d = wrk(p, 64, a.secs, wl)
        d["base"] = base
        half = half or int(base["rps"] / 2)  # one rate for all, or their latencies were no comparison
        if pinned:
            d["c8"] = wrk(p, 8, max(2, a.secs - 2), wl)
            d["fix"] = fixed_rate(p, 2000, max(2, a.secs - 2), wl)
            d["half"] = fixed_rate(p, half, max(2, a.secs - 2), wl, 32)
        return d
    out = rounds(name, wp, wl, one)
    print(f"### Requests, 1 KB body, c=64 keepalive, " + ("proxy on CPU 0, wrk + upstream on CPU 1" if pinned else "nothing pinned") + f" ({a.rounds} rounds × {a.secs} s: median (min–max))\n")
    rows = []
    for p in peers:
        v = out[p.key]
        g = lambda k: [x[k] for x in v]
        row = [p.what, spread(g("rps")), spread(ratio(out, p.key, lambda x: x["rps"]), "{:.2f}"), spread(g("us"), "{:.1f}"),
               spread(ratio(out, p.key, lambda x: x["us"]), "{:.2f}"), f"{1e6 / med(g('us')):.0f}", f"{100 * med(g('busy')):.0f}%", f"{100 * med(g('sys')):.0f}%"]
        if pinned:
            row += ["{:.0f} / {:.0f}".format(med([x["c8"]["p50"] for x in v]), med([x["c8"]["p99"] for x in v])),
                    "{:.0f} / {:.0f}".format(med([x["fix"].get("p50") for x in v]), med([x["fix"].get("p99") for x in v])),
                    "{:.0f} / {:.0f}".format(med([x["half"].get("p50") for x in v]), med([x["half"].get("p99") for x in v])),
                    f"{med([x['half'].get('rps') for x in v]):.0f}",
                    "{:.1f}".format(med([x["c8"]["us"] for x in v])), "{:.1f}".format(med([x["fix"].get("us") for x in v]))]
        rows.append(row)
    table(["peer", "req/s", "÷ nginx", "proxy CPU µs/req", "÷ nginx", "req per CPU-s", "proxy CPU busy", "of it kernel"] +
          (["c=8 p50/p99 µs", "2,000 req/s fixed: p50/p99 µs", f"{half:,} req/s fixed (half of nginx): p50/p99 µs", "req/s that came of it", "µs/req at c=8", "µs/req at 2,000/s"] if pinned else []), rows)


class Idle:
    def __init__(self, p):
        self.req = ("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + "".join(h + "\r\n" for h in p.headers) + "\r\n").encode()
        self.port, self.socks = int(p.url.rsplit(":", 1)[1]), []

    def grow(self, n):
        end = time.time() + 60
        while len(self.socks) < n and time.time() < end:
            s = socket.create_connection(("127.0.0.1", self.port), 5)
            s.sendall(self.req)
            b = b""
            while b"\r\n\r\n" not in b or len(b.split(b"\r\n\r\n", 1)[1]) < 1024:
                d = s.recv(65536)
                if not d:
                    raise SystemExit(f"closed at {len(self.socks)}: {b[:200]}")
                b += d
            assert b.startswith(b"HTTP/1.1 200"), b[:100]
            self.socks.append(s)

    def alive(self):
        n = 0
        for s in self.socks:
            s.setblocking(False)
            try:
                n += s.recv(1) != b""
            except BlockingIOError:
                n += 1
            except OSError:
                pass
        return n

    def close(self):
        for s in self.socks:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            s.close()


def idle_cpu(p):
    """Milliseconds of CPU per second while nothing is asked; 0 where it is below what 10 s show."""
    time.sleep(12)  # what a start or a request leaves behind is over: header_timeout is looked at once more
    before = cpu(p.proc.pids())[0]
    time.sleep(10)
    return (cpu(p.proc.pids())[0] - before) / 1e7


def phase_idle():
    rows, out = [], {}
    for p in peers:
        if p.key == "direct":
            continue
        if p.proc.argv is not None:
            p.proc.stop()
            p.proc.start(ALL)
            if p.login:  # its sessions went with it
                p.do_login(tmp)
        m, used = {0: mem(p.proc.pids())}, {0: idle_cpu(p)}
        i = Idle(p)
        for n in (1000, 10000):
            i.grow(n)
            time.sleep(1)
            m[n] = mem(p.proc.pids())
        used[10000] = idle_cpu(p)
        live = i.alive()
        i.close()
        out[p.key] = dict(mem=m, cpu=used, alive=live)
        say("  idle", p.key, m, "CPU", used, "alive", live)
        rows.append([p.what] + [f"{m[n][0] / 1024:.1f} / {m[n][1] / 1024:.1f}" for n in (0, 1000, 10000)] + [f"{(m[10000][2] - m[1000][2]) / 9000:.2f}", f"{used[0]:.2f} / {used[10000]:.2f}", live])
    results["idle"] = out
    print("### Memory with idle keepalive connections, each after one request (RSS / PSS, MiB, all processes)\n")
    table(["peer", "0", "1,000", "10,000", "KiB anonymous a connection (1,000→10,000)", "CPU, ms/s at 0 / 10,000", "still open"], rows)


def phase_body():
    out = rounds("body", PROXY, LOAD, lambda p: wrk(p, 8, max(2, a.secs - 1), LOAD, "/1m"))
    print("### 1 MB response body, c=8\n")
    rows = []
    for p in peers:
        per = lambda x: x["n"] / max(x["cpu_s"], 1e-9)
        rows.append([p.what, spread([x["rps"] for x in out[p.key]]), spread([per(x) for x in out[p.key]]), spread(ratio(out, p.key, per), "{:.2f}"),
                     f"{100 * med([x['busy'] for x in out[p.key]]):.0f}%"])
    table(["peer", "MiB/s", "MiB per proxy CPU-second", "÷ nginx", "proxy CPU busy"], rows)


def phase_upload():
    up = f"{servers.HERE}/upload.lua"
    out = rounds("upload", PROXY, LOAD, lambda p: wrk(p, 4, max(2, a.secs - 1), LOAD, "/sink", up, {"BODY_MB": "10"}))
    print("### 10 MB POST, c=4\n")
    rows = []
    for p in peers:
        per = lambda x: 10 * x["n"] / max(x["cpu_s"], 1e-9)
        rows.append([p.what, spread([10 * x["rps"] for x in out[p.key]]), spread([per(x) for x in out[p.key]]), spread(ratio(out, p.key, per), "{:.2f}"),
                     f"{100 * med([x['busy'] for x in out[p.key]]):.0f}%"])
    table(["peer", "MiB/s", "MiB per proxy CPU-second", "÷ nginx", "proxy CPU busy"], rows)


def guard(path):
    """Instructions a request against those that are written down: one line 'NAME COUNT' each."""
    bad = False
    for line in open(path):
        if line.startswith("#") or not line.strip():
            continue
        key, was = line.split()[0], float(line.split()[1])
        now = results["instr"][key]["ir"]
        print(f"{key}: {now:,.0f} instructions a request; {was:,.0f} are written down ({100 * (now / was - 1):+.1f} %)")
        bad = bad or now > 1.03 * was
    if bad:
        raise SystemExit(f"more than 3 % above {path}: find out why, or write the new count down and say what it buys")


def phase_tls():
    def one(p):
        host, pids, d = p.tls.split("//")[1], p.proc.pids(), {}
        c0, t0 = cpu(pids), time.time()
        ps = [subprocess.Popen(["taskset", "-c", "1", "openssl", "s_time", "-connect", host, "-new", "-tls1_3", "-time", "3"], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True) for _ in range(4)]
        n = sum(int(re.search(r"(\d+) connections in \d+ real", q.communicate()[0]).group(1)) for q in ps)
        c1, t1 = cpu(pids), time.time()
        d.update(hs=n / (t1 - t0), hs_us=(c1[0] - c0[0]) / 1e3 / n)
        w = wrk(p, 64, max(2, a.secs - 2), LOAD, base=p.tls)
        d.update(h1=w["rps"], h1_us=w["us"])
        c0 = cpu(pids)
        o = client(["h2load", "-t1", "-c16", "-m10", f"-D{max(2, a.secs - 2)}", *hdrs(p), p.tls + "/"], LOAD)
        c1 = cpu(pids)
        m = re.search(r"requests: \d+ total, \d+ started, \d+ done, (\d+) succeeded", o)
        rps = re.search(r"finished in .*?, ([\d.]+) req/s", o)
        k = int(m.group(1)) if m else 0
        d.update(h2=float(rps.group(1)) if rps else 0., h2_us=(c1[0] - c0[0]) / 1e3 / max(k, 1), proto="".join(re.findall(r"Application protocol: (\S+)", o)))
        return d
    some = [p for p in peers if p.tls]
    out = rounds("tls", PROXY, LOAD, one, some)
    print("### TLS 1.3, ECDSA P-256 certificate, full handshakes (openssl s_time ×4); h1 c=64 and h2 16 connections × 10 streams, 1 KB\n")
    rows = []
    for p in some:
        v = out[p.key]
        rows.append([p.what] + [spread([x[k] for x in v], f) for k, f in (("hs", "{:.0f}"), ("hs_us", "{:.0f}"), ("h1", "{:.0f}"), ("h1_us", "{:.1f}"), ("h2", "{:.0f}"), ("h2_us", "{:.1f}"))])
    table(["peer", "handshakes/s", "proxy µs/handshake (connect..close)", "h1 TLS req/s", "µs/req", "h2 req/s", "µs/req"], rows)


def phase_syscalls():
    rows, out = [], {}
    for p in peers:
        if p.key == "direct":
            continue
        p.proc.pin(PROXY)
        wrk(p, 8, 1, LOAD)
        pids = p.proc.pids()
        f = f"{tmp}/strace.out"
        q = subprocess.Popen(["strace", "-f", "-c", "-o", f, *[x for i in pids for x in ("-p", str(i))]], stderr=subprocess.DEVNULL)
        time.sleep(0.5)
        w = wrk(p, 8, 2, LOAD)
        q.send_signal(signal.SIGINT)
        q.wait(10)
        calls = {}
        for l in open(f):
            m = re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", l)
            if m and m.group(2) != "total":
                calls[m.group(2)] = int(m.group(1)) / max(1, w["n"])
        top = sorted(calls.items(), key=lambda x: -x[1])
        out[p.key] = calls
        rows.append([p.what, f"{sum(calls.values()):.1f}", ", ".join(f"{k} {v:.1f}" for k, v in top if v >= 0.05)])
    results["syscalls"] = out
    print("### System calls a request (strace -c, c=8)\n")
    table(["peer", "calls/request", "which"], rows)


def callgrind(p, n):
    """Instructions in user space, by object, of a fresh server that answers n requests."""
    q, objs = p.proc, {}
    os.makedirs(f"{tmp}/cg", exist_ok=True)
    os.chmod(f"{tmp}/cg", 0o777)  # Apache's child is www-data
    argv, q.argv = q.argv, ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={tmp}/cg/%p"] + q.argv
    q.start(ALL)
    if p.login:
        p.do_login(tmp)
    m = re.search(r"(\d+) succeeded", client(["h2load", "--h1", "-t1", "-c8", f"-n{n}", *hdrs(p), p.url + "/"], ALL))
    q.stop()
    time.sleep(0.5)
    q.argv = argv
    for f in os.listdir(f"{tmp}/cg"):
        o = subprocess.run(["callgrind_annotate", "--threshold=100", "--auto=no", f"{tmp}/cg/{f}"], capture_output=True, text=True).stdout
        for k, lib in re.findall(r"^\s*([\d,]+) \([^)]*\)\s+\S.*\[(\S+)\]$", o, re.M):
            lib = os.path.basename(lib)
            objs[lib] = objs.get(lib, 0) + int(k.replace(",", ""))
        os.unlink(f"{tmp}/cg/{f}")
    return objs if m and int(m.group(1)) == n else None


def phase_instr():
    """Instructions that a request costs in user space: hardly moved by the machine's load."""
    rows, out, n = [], {}, 2000
    for p in peers:
        q = p.proc
        if p.key == "direct" or q.argv is None or q.shell:
            continue
        q.stop()
        x, y = callgrind(p, 400), callgrind(p, 400 + n)
        q.start(ALL)
        if p.login:
            p.do_login(tmp)
        if x and y:
            objs = {k: (y[k] - x.get(k, 0)) / n for k in y}
            out[p.key] = dict(ir=sum(objs.values()), objs=objs)
        say("  instr", p.key, out.get(p.key, {}).get("ir"))
        rows.append([p.what] + ([f"{sum(objs.values()):,.0f}", ", ".join(f"{k} {v / 1e3:.1f}k" for k, v in sorted(objs.items(), key=lambda z: -z[1])[:6] if v > 50)] if x and y else ["?", ""]))
    results["instr"] = out
    print(f"### User-space instructions a request (callgrind, c=8, from the difference of 400 and {400 + n} requests; valgrind has no SHA-NI)\n")
    table(["peer", "instructions/request", "where"], rows)


def first_use(p, alg, n=3000):
    """The proxy's CPU (us) for a request whose token it has never seen."""
    tokens = client(["node", f"{servers.HERE}/mint.mjs", tmp, alg, str(n + 200)], LOAD).split()
    port, pids = int(p.url.rsplit(":", 1)[1]), p.proc.pids()
    socks = [socket.create_connection(("127.0.0.1", port), 5) for _ in range(8)]

    def send(some):
        for k in range(0, len(some), len(socks)):
            pairs = list(zip(socks, some[k:k + len(socks)]))
            for s, t in pairs:
                s.sendall(f"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {t}\r\n\r\n".encode())
            for s, t in pairs:
                b = b""
                while b"\r\n\r\n" not in b or len(b.split(b"\r\n\r\n", 1)[1]) < 1024:
                    b += s.recv(65536)
                assert b.startswith(b"HTTP/1.1 200"), b[:200]
    send(tokens[:200])
    c0 = cpu(pids)
    send(tokens[200:])
    us = (cpu(pids)[0] - c0[0]) / 1e3 / n
    for s in socks:
        s.close()
    return us


def phase_bearer():
    """Bearer tokens: the first request with each, and the same one again and again."""
    keys = ["ours", "ours-rs256", "ours-es256", "haproxy-rs256", "haproxy-es256", "apache-oauth20"]
    some = [p for p in peers if p.key in keys]

    def one(p):
        d = wrk(p, 8, max(2, a.secs - 2), LOAD)
        if p.key.startswith("ours-"):
            d["first"] = first_use(p, p.key[5:])
        return d
    out = rounds("bearer", PROXY, LOAD, one, some)
    print("### A bearer token, c=8: CPU us a request, the same token again and a token never seen before (one after the other)\n")
    base = med([x["us"] for x in out["ours"]]) if "ours" in out else float("nan")
    table(["peer", "repeated", "÷ our session cookie", "never seen"],
          [[p.what, spread([x["us"] for x in out[p.key]], "{:.1f}"), f"{med([x['us'] for x in out[p.key]]) / base:.2f}",
            spread([x["first"] for x in out[p.key] if "first" in x], "{:.1f}")] for p in some])


def phase_workers():
    """Does a request cost more when two workers share the machine?  Load, upstream and proxy on both cores."""
    p = next(p for p in peers if p.key == "ours")
    path, text = p.proc.argv[-1], open(p.proc.argv[-1]).read()

    def with_workers(n):
        p.proc.stop()
        open(path, "w").write(text.replace("workers = 1", f"workers = {n}"))
        p.proc.start(ALL)
        p.do_login(tmp)
        for s in support:
            s.pin(ALL)
        wrk(p, 64, 1, ALL)
        return wrk(p, 64, a.secs, ALL)["us"]
    v = {n: [] for n in (1, 2)}
    for _ in range(a.rounds):
        for n in v:
            v[n].append(undisturbed(f"{n} workers", lambda: dict(us=with_workers(n)))[1]["us"])
    with_workers(1)
    print("### Workers on two cores, session cookie, c=64: CPU us a request\n")
    table(["1 worker", "2 workers", "ratio of medians"], [[spread(v[1], "{:.1f}"), spread(v[2], "{:.1f}"), f"{med(v[2]) / med(v[1]):.2f}"]])


if os.geteuid():
    raise SystemExit("run as root")
support, peers = servers.build(tmp, a)
if a.list:
    print("\n".join(f"{p.key:20} {p.what}  {p.url}" for p in peers))
    sys.exit()
for p in peers:
    if p.key != "direct":
        p.proc.start(ALL)
    if p.login:
        p.do_login(tmp)
    check(p)
    if p.key == "ours":  # plain nginx is sent the same bytes
        for q in peers:
            if q.key == "nginx-cookie":
                q.headers = p.headers
if a.keep:
    for p in peers:
        print(p.key, p.url, "pid", p.proc.pids(), "headers", p.headers, flush=True)
    sys.stdin.readline()
    sys.exit()
print(f"## Peers, {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}, Linux {os.uname().release}, {os.cpu_count()} cores\n")
for ph in phases:
    say("phase", ph)
    if ph == "rps":
        phase_rps("rps", PROXY, LOAD, True)
    elif ph == "free":
        phase_rps("free", ALL, ALL, False)
    else:
        globals()["phase_" + ph]()
    if a.json:
        json.dump(results, open(a.json, "w"), indent=1)
if a.guard:
    guard(a.guard)
