/*
 * proxy/revoke_file.h - revocations in a file, over a restart, a crash, a power cut
 *
 * `session.revocations`: one line each (session/revocation.h), appended and
 * synced before it is acknowledged; those that wait meanwhile share the next
 * sync.  Written anew, beside it and then in its place, at the start, when it
 * has doubled, and after a failure.  The last line may be torn: nobody was
 * told that it was kept.
 *
 * All reading and writing is done on the main thread, so that no worker waits
 * for a disk.
 */
#ifndef PROXY_REVOKE_FILE_H
#define PROXY_REVOKE_FILE_H
#include <stdint.h>

#include "conf/err.h"
#include "conf/post.h"
#include "proxy/revoke.h"

/*
 * Puts what the file holds into `table`, and makes the file when there is
 * none.  `home` is the main thread's mailbox; all three are borrowed.  CONFIG
 * or SYSTEM when it cannot be written, is in use by another process, or holds
 * a line that is none of ours.
 */
struct revoke_sink *revoke_file_open(
    const char *path, struct revoked *table, struct post *home, int64_t now, struct err *e) MUST_CHECK;
/* The mailbox is gone already, so that nothing waits any more. */
void revoke_file_close(struct revoke_sink **s); /* safe on NULL */

#endif
