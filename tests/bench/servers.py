"""The peers: their configurations, how they start, and what the client sends to each."""
import os, re, signal, socket, string, subprocess, time

HERE = os.path.dirname(os.path.abspath(__file__))
UP, OP, SINK = 18080, 18090, 18091
APACHE_MODS = "/usr/lib/apache2/modules"


def descendants(pid):
    kids = {}
    for p in filter(str.isdigit, os.listdir("/proc")):
        try:
            kids.setdefault(int(open(f"/proc/{p}/stat").read().rsplit(")", 1)[1].split()[1]), []).append(int(p))
        except OSError:
            pass
    out, todo = [], [pid]
    while todo:
        p = todo.pop()
        out.append(p)
        todo += kids.get(p, [])
    return out


def wait_port(port, log, t=10):
    end = time.time() + t
    while time.time() < end:
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"nothing listens on {port}: " + open(log, errors="replace").read()[-600:])


class Proc:
    """A server started here (argv) or found by its port (a candidate that already runs)."""

    def __init__(self, argv, port, log, env=None, shell=False):
        self.argv, self.port, self.log, self.env, self.shell, self.p, self.found = argv, port, log, env, shell, None, None

    def start(self, cpu):
        if self.argv is None:
            out = subprocess.run(["ss", "-ltnpH", f"sport = :{self.port}"], capture_output=True, text=True).stdout
            m = re.search(r"pid=(\d+)", out)
            if not m:
                raise SystemExit(f"no process listens on {self.port}")
            self.found = int(m.group(1))
            while True:  # the master, if a worker was named
                pp = int(open(f"/proc/{self.found}/stat").read().rsplit(")", 1)[1].split()[1])
                if os.path.realpath(f"/proc/{pp}/exe") != os.path.realpath(f"/proc/{self.found}/exe"):
                    break
                self.found = pp
        elif not self.p:
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    raise SystemExit(f"port {self.port} is taken")
            self.p = subprocess.Popen(self.argv, stdout=open(self.log, "ab"), stderr=subprocess.STDOUT,
                                      env={**os.environ, **(self.env or {})}, shell=self.shell, start_new_session=True)
            wait_port(self.port, self.log)
            time.sleep(0.2)
        self.pin(cpu)

    def pin(self, cpu):
        for pid in self.pids():
            for t in os.listdir(f"/proc/{pid}/task"):
                os.sched_setaffinity(int(t), cpu)

    def pids(self):
        return descendants(self.p.pid if self.p else self.found)

    def stop(self):
        if self.p:
            for pid in reversed(self.pids() if self.shell else [self.p.pid]):
                try:
                    os.kill(pid, signal.SIGTERM)
                except OSError:
                    pass
            try:
                self.p.wait(5)
            except subprocess.TimeoutExpired:
                for pid in self.pids():
                    os.kill(pid, signal.SIGKILL)
                self.p.wait()
            self.p = None


class Peer:
    def __init__(self, key, what, proc, url, headers=(), login=False, auth=True, tls=None):
        self.key, self.what, self.proc, self.url, self.headers = key, what, proc, url, list(headers)
        self.login, self.auth, self.tls = login, auth, tls

    def do_login(self, tmp):
        """Logs in through the OP with curl and keeps the session cookies."""
        jar = f"{tmp}/{self.key}.jar"
        r = subprocess.run(["curl", "-sSL", "-H", "Accept: text/html", "-c", jar, "-b", jar, "-m", "10", self.url + "/whoami"], capture_output=True, text=True)
        if "user=alice" not in r.stdout:
            raise SystemExit(f"{self.key}: login failed: {r.stdout[:300]} {r.stderr} " + subprocess.run(['head', '-c', '900', f'{tmp}/{self.key}.err'], capture_output=True, text=True).stdout)
        ck = [l.split("\t") for l in open(jar).read().replace("#HttpOnly_", "").splitlines() if l and l[0] != "#"]
        self.headers = ["Cookie: " + "; ".join(f"{c[5]}={c[6]}" for c in ck if c[5].startswith("mod_auth_openidc_session") or c[5] == "session")]


def build(tmp, a):
    secret = os.environ["JWT_SECRET"]
    os.makedirs(f"{tmp}/www", exist_ok=True)
    with open(f"{tmp}/www/1m", "wb") as f:
        f.write(os.urandom(1 << 20))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=127.0.0.1", "-keyout", f"{tmp}/tls.key", "-out", f"{tmp}/tls.crt"], check=True, capture_output=True)
    with open(f"{tmp}/tls.pem", "w") as f:
        f.write(open(f"{tmp}/tls.crt").read() + open(f"{tmp}/tls.key").read())

    uservars = "$http_x_remote_user"

    def conf(tmpl, name, port=0, **kw):
        v = dict(T=tmp, UP=UP, SINK=SINK, BODY1K="x" * 1024, NAME=name, PORT=port, OP=OP, SECRET="workflow-proxy-bench-secret-5vQ2mN8x", MODS=APACHE_MODS, USERVARS=uservars,
                 LOAD="", HTTP="", TLS="", SERVER="", AUTH="", GLOBAL="")
        path = f"{tmp}/{name}.conf"
        with open(path, "w") as f:
            f.write(string.Template(open(f"{HERE}/conf/{tmpl}").read()).substitute({**v, **kw}))
        return path

    support = [
        Proc(["node", f"{HERE}/op.mjs", tmp, str(OP), str(SINK)], SINK, f"{tmp}/op.log"),
        Proc(["nginx", "-c", conf("upstream.conf", "upstream")], UP, f"{tmp}/upstream.log"),
    ]
    for s in support:
        s.start({0, 1})
    subprocess.run(["openssl", "req", "-x509", "-key", f"{tmp}/rs256.key.pem", "-days", "2", "-subj", "/CN=op", "-out", f"{tmp}/rs256.crt"],
                   check=True, capture_output=True)
    tok = {k: open(f"{tmp}/{k}.jwt").read() for k in ("hs256", "rs256", "es256")}
    peers, port = [], 18100

    def add(key, what, tmpl, argv, headers=(), login=False, auth=True, tls=False, env=None, **kw):
        nonlocal port
        port += 1
        tport = port + 100
        kw = {k: v.replace("@PORT@", str(port)) for k, v in kw.items()}
        if tls:
            kw["TLS"] = (f"listen 127.0.0.1:{tport} ssl http2 backlog=4096; ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate {tmp}/tls.crt; ssl_certificate_key {tmp}/tls.key;"
                         if tmpl == "nginx.conf" else f'listen "127.0.0.1:{tport}" {{ tls_certificate = "{tmp}/tls.crt" tls_certificate_key = "{tmp}/tls.key" }}'
                         if tmpl == "workflow-proxy.conf" else f"bind 127.0.0.1:{tport} ssl crt {tmp}/tls.pem alpn h2,http/1.1 backlog 4096")
        c = conf(tmpl, key, port, **kw)
        peers.append(Peer(key, what, Proc([x.replace("@C", c) for x in argv], port, f"{tmp}/{key}.log", env), f"http://127.0.0.1:{port}",
                          headers, login, auth, f"https://127.0.0.1:{tport}" if tls else None))

    ng, ha, ap = ["nginx", "-c", "@C"], ["haproxy", "-db", "-f", "@C"], ["apache2", "-DFOREGROUND", "-f", "@C"]
    cookie, bearer = [f"Cookie: session={tok['hs256']}"], [f"Authorization: Bearer {tok['rs256']}"]
    peers.append(Peer("direct", "the upstream itself, no proxy", support[1], f"http://127.0.0.1:{UP}", auth=False))
    add("nginx", "nginx, plain proxy", "nginx.conf", ng, auth=False, tls=True)
    add("nginx-cookie", "nginx, plain proxy, sent the same cookie", "nginx.conf", ng, cookie, auth=False)
    ours = [os.environ["WORKFLOW_PROXY"], "-c", "@C"]
    add("ours", "workflow-proxy, session cookie", "workflow-proxy.conf", ours, login=True, tls=True, AUTH="session")
    add("ours-open", "workflow-proxy, open route", "workflow-proxy.conf", ours, auth=False, AUTH="none")
    add("ours-rs256", "workflow-proxy, RS256 bearer", "workflow-proxy.conf", ours, bearer, AUTH="bearer")
    add("ours-es256", "workflow-proxy, ES256 bearer", "workflow-proxy.conf", ours, [f"Authorization: Bearer {tok['es256']}"], AUTH="bearer")
    add("haproxy", "haproxy, plain proxy", "haproxy.cfg", ha, auth=False, tls=True)

    def ha_jwt(src, alg, key):
        return "\n  ".join([
            f"http-request set-var(txn.jwt) {src}",
            "http-request set-var(txn.exp) var(txn.jwt),jwt_payload_query('$.exp','int')",
            "http-request set-var(txn.now) date()",
            f"http-request return status 401 unless {{ var(txn.jwt),jwt_header_query('$.alg') -m str {alg} }}",
            f"http-request return status 401 unless {{ var(txn.jwt),jwt_verify({alg},\"{key}\") 1 }}",
            "http-request return status 401 if { var(txn.exp),sub(txn.now) -m int lt 0 }",
            "http-request set-header X-Remote-User %[var(txn.jwt),jwt_payload_query('$.preferred_username')]"])

    add("haproxy-hs256", "haproxy, HS256 cookie", "haproxy.cfg", ha, cookie, tls=True, AUTH=ha_jwt("req.cook(session)", "HS256", secret))
    add("haproxy-rs256", "haproxy, RS256 bearer", "haproxy.cfg", ha, bearer, AUTH=ha_jwt("http_auth_bearer", "RS256", f"{tmp}/rs256.pub.pem"))
    add("haproxy-es256", "haproxy, ES256 bearer", "haproxy.cfg", ha, [f"Authorization: Bearer {tok['es256']}"],
        AUTH=ha_jwt("http_auth_bearer", "ES256", f"{tmp}/es256.pub.pem"))
    add("apache", "Apache event, plain proxy", "apache.conf", ap, auth=False)
    oidc = f"LoadModule auth_openidc_module {APACHE_MODS}/mod_auth_openidc.so\n"
    rp = oidc + f"""OIDCProviderMetadataURL http://127.0.0.1:{OP}/.well-known/openid-configuration
OIDCClientID bench
OIDCClientSecret bench-secret
OIDCRedirectURI http://127.0.0.1:@PORT@/redirect_uri
OIDCCryptoPassphrase {secret}
OIDCRemoteUserClaim preferred_username
OIDCAuthNHeader X-Remote-User
OIDCPassClaimsAs environment
OIDCSessionInactivityTimeout 36000
OIDCSessionMaxDuration 36000
OIDCSessionType %s
<Location "/">
AuthType openid-connect
Require valid-user
</Location>"""
    add("apache-oidc-cookie", "Apache + mod_auth_openidc, client-cookie", "apache.conf", ap, login=True, AUTH=rp % "client-cookie")
    add("apache-oidc-shm", "Apache + mod_auth_openidc, server-cache shm", "apache.conf", ap, login=True, AUTH=rp % "server-cache\nOIDCCacheType shm")
    add("apache-oauth20", "Apache + mod_auth_openidc, RS256 bearer", "apache.conf", ap, bearer, AUTH=oidc + f"""OIDCCryptoPassphrase {secret}
OIDCOAuthVerifyCertFiles k1#{tmp}/rs256.crt
OIDCOAuthRemoteUserClaim preferred_username
OIDCAuthNHeader X-Remote-User
OIDCPassClaimsAs environment
<Location "/">
AuthType oauth20
Require valid-user
</Location>""")
    if a.only:
        peers = [p for p in peers if p.key in a.only.split(",") or p.key == "nginx"]
    return support, peers
