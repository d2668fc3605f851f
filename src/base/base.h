/* base: what every other room stands on. Errors, log, files, child processes, framed streams, and
 * the row language (schema.h) that definitions, messages and settings are written in.
 *
 * Conventions, here and in every room:
 *   - A function that can fail returns gboolean (or NULL) and takes a GError ** as its last
 *     argument; errors come from fail() and carry one code of enum Err. No other domain is made.
 *   - Out-parameters are named ret_* and are written only on success.
 *   - Ownership is scope: g_autoptr, g_autofree, fd_auto. "find" may return NULL, "get" borrows,
 *     "take" gives away.
 *   - Everything runs in the one main-loop thread, except what core/offload.c hands out.
 */
#pragma once

#include <gio/gio.h>
#include <glib.h>
#include <stdint.h>
#include <sys/types.h>

#include "json.h"
#include "list.h"
#include "xmlout.h"

/* ---- errors (error.c) ------------------------------------------------------------------- */

/* One name for each kind of error. The numbers are ours; error.c alone translates them into the
 * numbers of the wire (virErrorNumber). */
typedef enum Err {
    ERR_INTERNAL,
    ERR_NO_MEMORY,
    ERR_NO_SUPPORT,   /* no such procedure, or vmd does not do this */
    ERR_NO_CONNECT,   /* no driver serves this URI */
    ERR_INVALID_CONN, /* the call needs an open connection */
    ERR_INVALID_ARG,
    ERR_OPERATION_FAILED,
    ERR_XML,        /* the XML is well-formed, but says something wrong */
    ERR_XML_VALUE,  /* the same, where a row of the schema shows it */
    ERR_XML_DETAIL, /* the XML does not parse, or an element cannot be there */
    ERR_XML_SCHEMA, /* refused by XML_VALIDATE (define --validate) */
    ERR_DOMAIN_EXISTS,
    ERR_DENIED, /* read-only connection */
    ERR_OPEN_FAILED,
    ERR_SYSTEM, /* a system call failed: see fail_errno */
    ERR_RPC,
    ERR_NO_NAME,   /* a definition has no name; the sentence needs no text */
    ERR_NO_SOURCE, /* a device has no source; the text is its target */
    ERR_NO_TARGET, /* a device has no target; the text is its source */
    ERR_NO_DOMAIN,
    ERR_NO_NETWORK,
    ERR_NO_POOL,
    ERR_NO_VOLUME,
    ERR_NO_NODE_DEVICE,
    ERR_NO_INTERFACE,
    ERR_MULTIPLE_INTERFACES,
    ERR_NO_NWFILTER,
    ERR_NO_NWFILTER_BINDING,
    ERR_NO_SECRET,
    ERR_NO_SNAPSHOT,
    ERR_NO_CHECKPOINT,
    ERR_AUTH_FAILED,
    ERR_AUTH_CANCELLED,
    ERR_AUTH_UNAVAILABLE,
    ERR_INVALID_MAC,
    ERR_INVALID_STREAM,
    ERR_INVALID_NETWORK,
    ERR_NETWORK_EXISTS,
    ERR_INVALID_POOL,
    ERR_INVALID_VOLUME,
    ERR_INVALID_SECRET, /* the secret's value is not given out */
    ERR_VOLUME_EXISTS,
    ERR_OPERATION_INVALID,  /* the object is in the wrong state: already running, being stopped */
    ERR_NOT_RUNNING,        /* the same, where the call needs a running domain */
    ERR_CONFIG_UNSUPPORTED, /* the definition asks for something that vmd or the host cannot do */
    ERR_TIMEOUT,
    ERR_ARG_UNSUPPORTED,
    ERR_ABORTED, /* cancelled by the client, or by a job that preempts this one */
    ERR_NO_METADATA,
    ERR_OVERFLOW,
    ERR_OPERATION_UNSUPPORTED,
    ERR_AGENT_UNRESPONSIVE,
    ERR_AGENT_UNSYNCED, /* the guest agent's answer is not the expected one */
    ERR_AGENT_TIMEOUT,
    ERR_AGENT_FAILED,
    ERR_AGENT_CANNOT, /* the agent does not know the command, or may not run it */
    ERR_BUSY,
    ERR_ACCESS_DENIED,
    ERR_CPU_INCOMPATIBLE,
    ERR_DEVICE_MISSING,
    ERR_HOOK_FAILED,
    ERR_NO_BACKUP,
    ERR_NO_NETWORK_PORT,
    ERR_NETWORK_PORT_EXISTS,
    ERR_NO_HOSTNAME,
    ERR_NO_SERVER,
    ERR_MULTIPLE_DOMAINS,
    ERR_NO_NETWORK_METADATA,
    ERR_PLAIN,   /* wire code 1, as ERR_INTERNAL has, but not a fault of vmd; only the text explains
                    it */
    ERR_AWAITED, /* not yet: something that the answer needs is being found out; see fail_awaited */
    N_ERRS
} Err;

#define VMD_ERROR (vmd_error_quark())
GQuark vmd_error_quark(void);

/* An error in the form of the wire: virErrorNumber, virErrorDomain, the whole sentence. Free the
 * content with wire_error_done. */
typedef struct WireError {
    int code;
    int from;           /* virErrorDomain; 0: the driver that was asked, see error_origin */
    int saved_errno;    /* -1, or the errno of ERR_SYSTEM */
    const char *format; /* static: the sentence with %1$s where the detail stands */
    char *message;      /* owned: prefix of the table and the detail */
    char *detail;       /* owned: the detail alone */
} WireError;

/* Which part of vmd an error names as its origin: the driver of the object, the document that was
 * read, or, for codes that have one fixed origin, that virErrorDomain. */
typedef enum ErrOrigin {
    ORIGIN_DRIVER = 0,
    ORIGIN_DOCUMENT = -1,
} ErrOrigin;
int error_origin(const GError *err);
/* Marks an error as found while reading a document, unless its code has a fixed origin. */
void error_of_document(GError *err);

/* Sets *err (when err is not NULL) and returns FALSE, so that "return fail(err, ...)" reads well.
 * The text names object and cause. The prefix of the code ("invalid argument: ") is not in
 * GError.message: error_to_wire puts it before the text. Some sentences go around the text: for
 * ERR_DOMAIN_EXISTS ("domain %s exists already") the text is only the name in quotes and the UUID.
 * With an empty text the sentence has no detail. */
gboolean fail(GError **err, Err code, const char *fmt, ...) G_GNUC_PRINTF(3, 4);
/* The same for a failed system call: ERR_SYSTEM, with ": " + strerror(errnum) at the end. */
gboolean fail_errno(GError **err, int errnum, const char *fmt, ...) G_GNUC_PRINTF(3, 4);
/* For a call that cannot be answered until something is known that is being found out just now, and
 * that has changed nothing yet: ERR_AWAITED, with the name of what is waited for. A caller that can
 * wait starts again from the top when it is known. error_awaited returns that name, borrowed; NULL:
 * it is another error. */
gboolean fail_awaited(GError **err, const char *awaited, const char *fmt, ...) G_GNUC_PRINTF(3, 4);
const char *error_awaited(const GError *err);
/* Puts text before an error's message, keeps its code, returns FALSE. */
gboolean fail_prefix(GError **err, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/* These tell the compiler that the functions return FALSE; without that it warns that the
 * out-parameters of a static function that ends in "return fail(err, ...)" may be unset. */
static inline gboolean
false_after(gboolean failed)
{
    return FALSE;
}

#define fail(...)         false_after(fail(__VA_ARGS__))
#define fail_errno(...)   false_after(fail_errno(__VA_ARGS__))
#define fail_awaited(...) false_after(fail_awaited(__VA_ARGS__))
#define fail_prefix(...)  false_after(fail_prefix(__VA_ARGS__))

gboolean error_is(const GError *err, Err code);
/* The only translation to the wire. Takes any GError; one of a foreign domain becomes ERR_INTERNAL.
 * The caller frees the content of *ret_wire with wire_error_done. */
void error_to_wire(const GError *err, WireError *ret_wire);
void wire_error_done(WireError *wire);
/* For a client: sets *err to the error that came over the wire with this virErrorNumber. */
void error_from_wire(GError **err, int code, const char *message);

/* ---- log (log.c) ------------------------------------------------------------------------ */

typedef enum LogLevel {
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_INFO,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_ERROR
} LogLevel;

/* Begins logging, of messages of that level and above: to the journal when stderr is connected to
 * it, else to stderr. Library functions return errors and do not log them; the function that
 * handles an error logs it, once. */
void log_init(LogLevel least);
gboolean log_level_parse(const char *text, LogLevel *ret_level);
const char *log_level_name(LogLevel level);

/* Rooms of the source whose messages have a threshold of their own, as text: "qemu:debug
 * rpc:warning". log_filters_parse fails for text that is not of that form (ERR_INVALID_ARG); the
 * caller frees what log_filters_format returns. */
enum { LOG_ROOMS = 10 };
typedef struct LogFilters {
    gboolean set[LOG_ROOMS];
    LogLevel least[LOG_ROOMS];
} LogFilters;

gboolean log_filters_parse(const char *text, LogFilters *ret_filters, GError **err);
char *log_filters_format(const LogFilters *f);
/* Sets threshold and filters from now on; log_init must have been called. */
void log_set(LogLevel least, const LogFilters *f);

/* Logs a message; file is __FILE__, from which the room is taken. */
void log_from(const char *file, LogLevel level, const char *fmt, ...) G_GNUC_PRINTF(3, 4);
#define log_debug(...)   log_from(__FILE__, LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_info(...)    log_from(__FILE__, LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warning(...) log_from(__FILE__, LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_error(...)   log_from(__FILE__, LOG_LEVEL_ERROR, __VA_ARGS__)

/* A field for searches in the journal; outside the journal only the message is logged. */
typedef struct LogField {
    const char *name, *value; /* value NULL: the field is left out */
} LogField;
/* Messages that share one bound: after so many of them in a while only their count is logged. */
typedef struct LogCause {
    gconstpointer place;
    guint number;
    const char *what; /* static: what the count calls them */
} LogCause;
/* Logs a message with fields. cause: NULL for no bound. The array of fields ends with one whose
 * name and value are NULL. */
void log_event(const char *file, LogLevel level, const LogCause *cause, const LogField *fields,
               const char *fmt, ...) G_GNUC_PRINTF(5, 6);

/* ---- descriptors and files (file.c) ----------------------------------------------------- */

/* Closes it and sets it to -1; NULL and negative numbers are fine; keeps errno. */
void fd_close(int *fd);
static inline int
fd_steal(int *fd)
{
    int f = *fd;
    *fd = -1;
    return f;
}
#define fd_auto __attribute__((cleanup(fd_close), unused)) int

/* Reads a whole file of at most max bytes (a longer one: ERR_SYSTEM with EFBIG). *ret_data is the
 * caller's and NUL-terminated (one byte past *ret_len). */
gboolean file_read(const char *path, gsize max, char **ret_data, gsize *ret_len, GError **err);
/* Identity and time of a file when it was looked at: when the stamp is another one, the content may
 * be too. */
typedef struct FileStamp {
    guint64 inode;
    gint64 size, seconds, nanoseconds; /* bytes; and the time of its last change */
} FileStamp;
/* file_read for a regular file only: a symbolic link, a folder, a pipe or a device at path is an
 * error that says so, and is not opened. ret_stamp may be NULL. */
gboolean file_read_regular(const char *path, gsize max, char **ret_data, gsize *ret_len,
                           FileStamp *ret_stamp, GError **err);
/* FALSE: there is nothing at path. A symbolic link is not followed. */
gboolean file_stamp(const char *path, FileStamp *ret_stamp);
gboolean file_stamp_equal(const FileStamp *a, const FileStamp *b);
/* Replaces a file: write(2) to PATH.new, fsync(2), rename(2), fsync of the folder. After a crash at
 * any instant the old or the new content is there. len in bytes, -1: strlen. On failure nothing is
 * left behind. */
gboolean file_write(const char *path, const char *data, gssize len, mode_t mode, GError **err);
/* The same in two halves, for a caller that does something in between that can fail. file_prepare
 * writes and syncs PATH.new; file_commit renames it to PATH; file_abandon removes it. There is one
 * PATH.new for each file. */
gboolean file_prepare(const char *path, const char *data, gssize len, mode_t mode, GError **err);
gboolean file_commit(const char *path, GError **err);
void file_abandon(const char *path);
/* Writes and syncs a file under the name path itself; the caller renames it. dir_sweep removes it
 * if its name ends in ".new". May be called from a worker. */
gboolean file_write_beside(const char *path, const char *data, gssize len, mode_t mode,
                           GError **err);
/* fsync(2) of a folder, after a file in it came or went. */
gboolean dir_sync(const char *path, GError **err);
/* file_write without fsync, for files under /run, which do not outlive a power cut anyway. */
gboolean file_write_volatile(const char *path, const char *data, gssize len, mode_t mode,
                             GError **err);
/* ---- files in folders that other users may write (reach.c). All of these may block. struct stat
 * is that of <sys/stat.h>; they return -1 and set errno on failure. */
struct stat;
/* Returns a descriptor (O_PATH) of the file at path without opening the file itself. A symbolic
 * link that belongs to neither root nor our own user is followed only to files of the link's owner;
 * else EACCES. */
int file_reach(const char *path, struct stat *ret_st);
/* The same for the folder that contains path; *ret_name is the last part of path, which the caller
 * frees. */
int file_reach_folder(const char *path, char **ret_name);
/* Opens the file behind an O_PATH descriptor, with the flags of open(2). Returns a new descriptor.
 */
int fd_reopen(int fd, int flags);
/* Reaches path as file_reach does and opens it for writing; makes a new regular file where there is
 * none. flags: O_WRONLY or O_RDWR, with O_TRUNC, O_APPEND, O_NONBLOCK. A file with a second name
 * (hard link) is refused: EMLINK. */
int file_open_output(const char *path, int flags, mode_t mode, struct stat *ret_st);
/* Keeps a file short that others write into (with O_APPEND): once name in the folder dir has max
 * bytes, its end, as much as max, is copied to NAME.0, that to NAME.1 and so on, backups of them;
 * the file is emptied. What is written meanwhile is lost. -1 and errno; 0: it is short; 1: done.
 * A file with a second name, or that is none: EMLINK, EINVAL. This may block. */
int file_rotate(int dir, const char *name, gint64 max, guint backups);

/* unlink(2). A missing file is success, and so is a name that is longer than the kernel allows. */
gboolean file_remove(const char *path, GError **err);
/* Removes the "*.new" files that a daemon left behind when it was killed within file_write. */
void dir_sweep(const char *folder);
/* Makes a folder and its parents, as mkdir -p; an existing folder keeps its mode. */
gboolean dir_make(const char *path, mode_t mode, GError **err);
/* Removes a folder and all that is in it, as rm -r. Never follows links; a missing folder is
 * success. */
gboolean dir_remove(const char *path, GError **err);
/* Renames a file that cannot be understood to PATH.broken-N and logs why. */
void file_set_aside(const char *path, const char *why);
gboolean fd_set_nonblock(int fd, GError **err);
/* A checksum that always differs after a change of a single byte. It guards against damage, not
 * against malice. */
guint32 bytes_sum(const char *data, gsize len);

/* ---- child processes (process.c) -------------------------------------------------------- */

/* A running child process, or one that an earlier daemon started. It is watched by pidfd_open(2),
 * so there is no handler of SIGCHLD. */
typedef struct Process Process;

typedef struct ProcessFd {
    int fd; /* number in the daemon; the caller still owns and closes it */
    int as; /* number in the child; -1: the same as in the daemon */
} ProcessFd;

/* Limits of a child's resources: processor time in seconds, bytes of the largest file it may write,
 * open files. 0: the daemon's own limit. */
typedef struct ProcessLimits {
    guint64 cpu_s, file_bytes, files;
} ProcessLimits;
/* For programs that answer a question and end: a minute of processor time, files of 64 MiB. */
extern const ProcessLimits process_tool_limits;

/* What a process may do with a folder and the files in it, or with one file (landlock.c). */
typedef enum Sight {
    SIGHT_READ,
    SIGHT_RUN,     /* reads, and executes programs */
    SIGHT_USE,     /* reads and writes files, and controls devices by ioctl(2) */
    SIGHT_OWN,     /* reads and writes, makes and removes files */
    SIGHT_SOCKETS, /* also makes and removes sockets */
} Sight;
/* Version of the kernel's Landlock (landlock(7)); 0: it has none, or this process may not use it.
 */
int landlock_abi(void);
/* Makes a ruleset that allows nothing yet, and returns its descriptor; -1: errno says why. alone:
 * the process may not use TCP either, nor signals and abstract sockets of processes outside, where
 * the kernel can deny those. */
int landlock_new(gboolean alone);
/* Adds a path or a descriptor to what the ruleset allows. FALSE: errno says why. A path that does
 * not exist is no failure. landlock_enter puts the calling process under the ruleset, for good. */
gboolean landlock_allow(int ruleset, const char *path, Sight sight);
gboolean landlock_allow_fd(int ruleset, int fd, Sight sight, gboolean is_file);
gboolean landlock_enter(int ruleset);

/* How a child that is not trusted is confined, from before its program is executed (confine.c). It
 * never gets more rights later (no_new_privs); its umask is 077, and it leaves no core. */
typedef struct Confine {
    gboolean become; /* it runs as uid and gid; the daemon must be root */
    guint32 uid, gid;
    guint32 group;        /* a supplementary group; 0: none */
    guint64 caps;         /* capabilities by number (capabilities(7)), kept where uid is 0 */
    guint64 files, tasks; /* limits of open files and of threads; 0: the daemon's */
    guint64 file_bytes;   /* of each file that it writes; 0: any */
    gboolean locks;       /* it may lock as much memory as it likes (mlock(2)) */
    int namespaces; /* CLONE_NEW... flags: it gets new, empty namespaces; where the kernel refuses
                       one the daemon's stays */
    int landlock;   /* a ruleset of landlock_new; 0: it sees all files that its user may see */
} Confine;
/* Confines the calling process; for the child, between fork and exec: it makes only system calls.
 * FALSE: errno says why, and *ret_step names the step that failed. */
gboolean confine_enter(const Confine *c, const char **ret_step);

typedef struct ProcessSpec {
    const char *const *argv; /* argv[0] is searched in PATH when it has no '/' */
    const char *const *env;  /* NULL: that of process_env */
    const ProcessFd *fds;    /* given to the child; all others but 0, 1, 2 are closed in it */
    gsize n_fds;
    const char *cwd;   /* NULL: "/" */
    const char *input; /* NULL: /dev/null; else written to its stdin */
    int stdout_fd;     /* -1: captured, at most out_max bytes; else this descriptor */
    int stderr_fd;     /* -1: captured with bound; else this descriptor */
    gsize out_max;     /* bytes; 0: 1 MiB. More output is read and dropped, and the error says so */
    gboolean detach;   /* setsid(2): it outlives the daemon, and process_free does not end it */
    /* For a program that may be on a file system where exec hangs: process_spawn does not wait for
     * it. When the program cannot be run, the reason is on the child's stderr and its status is
     * 127. A child that is not detached leads a process group of its own, which is killed with it.
     */
    gboolean apart;
    const ProcessLimits *limits; /* NULL: the daemon's own */
    const Confine *confine;      /* NULL: it is not confined */
    int group; /* "cgroup.procs" of the control group that it enters before it is anything else; 0:
                  the daemon's */
} ProcessSpec;
#define PROCESS_SPEC_INIT                                                                          \
    {                                                                                              \
        .stdout_fd = -1, .stderr_fd = -1                                                           \
    }

typedef struct ProcessEnd {
    int status;      /* as from waitpid(2); -1: unknown (an adopted process) */
    const char *out; /* captured stdout, NUL-terminated; valid during the callback */
    gsize out_len;
    const char *errors; /* captured stderr, trailing newline removed */
} ProcessEnd;

/* Called once, from the main loop, after exit and after captured output is drained (a grandchild
 * that keeps the pipe open delays it by at most a second). */
typedef void (*ProcessDone)(Process *p, const ProcessEnd *end, gpointer user);

/* The environment that every child gets: PATH, HOME, USER and LOGNAME as the daemon has them,
 * LC_ALL=C, and nothing else of the daemon's. Free with g_strfreev. */
char **process_env(void);
/* Starts a program; done is called once when it has ended, and may be NULL. Returns NULL with an
 * error when it could not be started. Where memory runs out, the kernel may kill the child even if
 * it would spare the daemon; a child with limits leaves no core. The caller frees the Process. */
Process *process_spawn(const ProcessSpec *spec, ProcessDone done, gpointer user, GError **err);
/* Watches a process that an earlier daemon started, as process_spawn does. start_time (field 22 of
 * /proc/PID/stat, never 0) tells the process from another that got its pid later. ERR_SYSTEM with
 * ESRCH when it is gone. While the kernel cannot watch it, as when no descriptor is left, it is
 * polled; done then gets status -1. The caller frees the Process. */
Process *process_adopt(pid_t pid, guint64 start_time, ProcessDone done, gpointer user,
                       GError **err);
/* What has been captured of its stdout so far; borrowed until the loop goes on. */
const char *process_output(const Process *p);
pid_t process_pid(const Process *p);
guint64 process_start_time(pid_t pid); /* in clock ticks after boot; 0: no such process */
/* Sends a signal by pidfd_send_signal(2), so that no other process can get it. Success for a
 * process that has ended. */
gboolean process_signal(Process *p, int sig, GError **err);
/* Frees it; done is not called any more. A process that is not detached is killed and reaped. */
void process_free(Process *p);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Process, process_free)
/* A wait status as text: "exited with status 3" or "killed by signal 9 (Killed)"; NULL when it
 * exited with 0. The caller frees it. */
char *process_status_text(int status);

/* ---- framed streams (lines.c) ----------------------------------------------------------- */

/* A non-blocking byte stream over a descriptor, cut into frames by a callback; QMP and the RPC both
 * use it. It never blocks: bytes that cannot be written yet wait in a queue. */
typedef struct Lines Lines;

/* Returns the length of the first whole frame in data[0..len), 0 when more bytes are needed, -1
 * when the bytes can never become a frame (the stream then ends with an error). */
typedef gssize (*LinesCut)(const guint8 *data, gsize len, gpointer user);

typedef struct LinesOps {
    LinesCut cut;
    /* Gets one frame; the bytes are valid during the call. It may call lines_free. */
    void (*frame)(Lines *l, const guint8 *data, gsize len, gpointer user);
    /* The stream has ended: at EOF between frames (err NULL), or with an error. No frame comes
     * after that; the owner still calls lines_free. After an EOF the queue is still sent; a failed
     * write is reported here too, after all frames that the peer had sent. */
    void (*ended)(Lines *l, const GError *err, gpointer user);
    /* Optional: the output queue has fallen below the low mark (64 KiB) after having been above it.
     */
    void (*drained)(Lines *l, gpointer user);
    /* Optional: whether the frames that begin in data may carry descriptors. Asked only when some
     * have come with the last bytes. NULL: no frame may. A stream whose peer sends descriptors
     * where none may come ends with an error. */
    gboolean (*takes_fds)(const guint8 *data, gsize len, gpointer user);
    /* Optional, asked before each frame. FALSE: the frames that are left wait for the next turn of
     * the loop. round is a number that differs from one turn of the loop to the next. */
    gboolean (*may_go_on)(gint64 round, gpointer user);
} LinesOps;

/* Makes a stream; it owns fd from now on and makes it non-blocking. max: bytes of the largest
 * frame; a longer one ends the stream. No function of a stream calls back before it returns:
 * callbacks come from the main loop only, and each of them may lines_free the stream. SIGPIPE must
 * be ignored when fd is a pipe. */
Lines *lines_new(int fd, gsize max, const LinesOps *ops, gpointer user);
void lines_free(Lines *l); /* closes the descriptor; bytes not yet written are dropped */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Lines, lines_free)
int lines_fd(const Lines *l);
/* Sets a function that closes descriptors whose closing may take long: those that the peer sent,
 * and the stream's own where unread descriptors are in it. It may be called after user is gone, so
 * the stream owns keeper and frees it with free_keeper. Without this function such descriptors are
 * closed at once. */
typedef void (*LinesDiscard)(int fd, gpointer keeper);
void lines_on_discard(Lines *l, LinesDiscard discard, gpointer keeper, GDestroyNotify free_keeper);
/* Copies the bytes into the queue, and writes at once as many as the kernel takes. */
void lines_send(Lines *l, const void *data, gsize len);
/* The same for secret bytes: the queue's copy is wiped when it has been sent. */
void lines_send_secret(Lines *l, const void *data, gsize len);
/* For LinesOps.frame, when the frame is secret: no part of it stays in memory. */
void lines_wipe_input(Lines *l);
/* Queues bytes without copying them, for large replies; the stream unrefs them. */
void lines_send_bytes(Lines *l, GBytes *bytes);
/* Queues one byte of value filler with one descriptor (SCM_RIGHTS, unix(7)); the stream duplicates
 * the descriptor. The order with the bytes around it is kept. */
void lines_send_fd(Lines *l, int fd, guint8 filler);
/* Queues a copy of data whose first byte carries the descriptors, as QMP wants it; the stream
 * duplicates them. */
void lines_send_with_fds(Lines *l, const void *data, gsize len, const int *fds, gsize n_fds);
/* Returns the oldest received descriptor, which the caller owns from then on; -1 when there is
 * none. lines_free closes those that were never taken. */
int lines_take_fd(Lines *l);
/* Stops reading (flow control), or goes on with it; frames that were already read are delivered
 * when it goes on. A peer that hangs up meanwhile is noticed only then, so that nothing that it
 * sent is lost. */
void lines_pause(Lines *l, gboolean paused);
gsize lines_queued(const Lines *l); /* bytes not yet written */
/* Frees the stream when the queue is empty: for a last reply before hanging up. No callback
 * follows. A peer that does not read is given up after ten seconds. */
void lines_close_when_sent(Lines *l);

/* ---- UUIDs (uuid.c) --------------------------------------------------------------------- */

#define UUID_LEN      16
#define UUID_TEXT_LEN 37 /* with its NUL */

void uuid_format(const guint8 uuid[UUID_LEN], char ret_text[UUID_TEXT_LEN]);
gboolean uuid_parse(const char *text, guint8 ret_uuid[UUID_LEN]); /* with or without dashes */
void uuid_make(guint8 ret_uuid[UUID_LEN]); /* a random one (RFC 4122, version 4) */
/* One derived from text: the same for the same text. */
void uuid_of_text(const char *text, guint8 ret_uuid[UUID_LEN]);
gboolean uuid_is_zero(const guint8 uuid[UUID_LEN]);

#include "schema.h"

/* ---- users and groups (account.c) ----------------------------------------------------------- */

/* Number of a user or group by its name, getpwnam_r(3) and getgrnam_r(3). FALSE: this host has none
 * of that name. The name service may hang, so call these in a worker (several may ask at once) or
 * while the daemon starts. */
gboolean account_user(const char *name, guint32 *ret_uid);
gboolean account_group(const char *name, guint32 *ret_gid);

/* ---- words that are nearly right (near.c) --------------------------------------------------- */

/* Number of letters to change, add, leave out or swap with a neighbour; G_MAXUINT: a word is too
 * long to compare. */
guint word_distance(const char *a, const char *b);
/* The word that was probably meant by text, from a list that ends with NULL; NULL: none is near
 * enough. */
const char *nearest_word(const char *text, const char *const *words);
