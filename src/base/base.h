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

/* One name per kind of error. The numbers are ours; error.c has the only translation to the wire.
 */
typedef enum Err {
    ERR_INTERNAL,
    ERR_NO_MEMORY,
    ERR_NO_SUPPORT,   /* no such procedure, or not done by vmd */
    ERR_NO_CONNECT,   /* nobody serves this URI */
    ERR_INVALID_CONN, /* a call that needs an open connection, and so on */
    ERR_INVALID_ARG,
    ERR_OPERATION_FAILED,
    ERR_XML,        /* well-formed, but says something wrong */
    ERR_XML_VALUE,  /* likewise, and a row of the schema can tell */
    ERR_XML_DETAIL, /* does not parse, or an element is impossible */
    ERR_XML_SCHEMA, /* refused by --validate */
    ERR_DOMAIN_EXISTS,
    ERR_DENIED, /* read-only connection */
    ERR_OPEN_FAILED,
    ERR_SYSTEM, /* an errno; see fail_errno */
    ERR_RPC,
    ERR_NO_NAME,   /* a definition without name; the sentence needs no text */
    ERR_NO_SOURCE, /* a device without source; the text is its target */
    ERR_NO_TARGET, /* a device without target; the text is its source */
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
    ERR_INVALID_SECRET, /* a value that is not given out */
    ERR_VOLUME_EXISTS,
    ERR_OPERATION_INVALID,  /* wrong state: already running, being stopped */
    ERR_NOT_RUNNING,        /* the same of what needs a running domain */
    ERR_CONFIG_UNSUPPORTED, /* the definition asks for what cannot be had */
    ERR_TIMEOUT,
    ERR_ARG_UNSUPPORTED,
    ERR_ABORTED, /* cancelled by the caller or by a job that outranks this one */
    ERR_NO_METADATA,
    ERR_OVERFLOW,
    ERR_OPERATION_UNSUPPORTED,
    ERR_AGENT_UNRESPONSIVE,
    ERR_AGENT_UNSYNCED, /* it does not say what it should */
    ERR_AGENT_TIMEOUT,
    ERR_AGENT_FAILED,
    ERR_AGENT_CANNOT, /* the same of what it does not know, or may not do */
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
    ERR_PLAIN,   /* code 1, as ERR_INTERNAL, of what is no fault of ours: the text says it all */
    ERR_AWAITED, /* not yet: what this takes is being found out; see fail_awaited */
    N_ERRS
} Err;

#define VMD_ERROR (vmd_error_quark())
GQuark vmd_error_quark(void);

/* What the wire says of an error: virErrorNumber, virErrorDomain, the whole sentence. */
typedef struct WireError {
    int code;
    int from;           /* 0: who is asked says it (error_origin) */
    int saved_errno;    /* -1, or the errno of ERR_SYSTEM */
    const char *format; /* static: the sentence with %1$s where the detail stands */
    char *message;      /* owned: prefix of the table and the detail */
    char *detail;       /* owned: the detail alone */
} WireError;

/* Where an error is said to come from, if not from one place always (then it is a virErrorDomain):
 * the driver of the object, or the document that was read. */
typedef enum ErrOrigin {
    ORIGIN_DRIVER = 0,
    ORIGIN_DOCUMENT = -1,
} ErrOrigin;
int error_origin(const GError *err);
/* What was found wrong while a document was read is of the document, where its code has no place of
 * its own. */
void error_of_document(GError *err);

/* Sets *err (when err is not NULL) and returns FALSE, so that "return fail(err, ...)" reads well.
 * The text names object and cause; the prefix ("invalid argument: ") comes from the table and is
 * not in GError.message: error_to_wire puts it on. Some sentences go around the text: for
 * ERR_DOMAIN_EXISTS ("domain %s exists already") it is the name in quotes and UUID alone. An empty
 * text gives the sentence without detail. */
gboolean fail(GError **err, Err code, const char *fmt, ...) G_GNUC_PRINTF(3, 4);
/* The same for an errno: ERR_SYSTEM, and ": " + strerror(errnum) at the end. */
gboolean fail_errno(GError **err, int errnum, const char *fmt, ...) G_GNUC_PRINTF(3, 4);
/* For what cannot be answered until something is known that is being found out just now, and has
 * changed nothing yet: ERR_AWAITED, with the name of what is waited for. Whoever can wait asks
 * again from the top when that is known. error_awaited: the name, borrowed; NULL: another error. */
gboolean fail_awaited(GError **err, const char *awaited, const char *fmt, ...) G_GNUC_PRINTF(3, 4);
const char *error_awaited(const GError *err);
/* Puts text before an error's message, keeps its code, returns FALSE. */
gboolean fail_prefix(GError **err, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/* A compiler that does not see into these must be told that they return FALSE: otherwise it takes
 * the out-parameters of a static function that ends in "return fail(err, ...)" for unset. */
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
/* The one translation; takes any GError (a foreign domain becomes ERR_INTERNAL). */
void error_to_wire(const GError *err, WireError *ret_wire);
void wire_error_done(WireError *wire);
/* For a client: an error that came over the wire back to ours. */
void error_from_wire(GError **err, int code, const char *message);

/* ---- log (log.c) ------------------------------------------------------------------------ */

typedef enum LogLevel {
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_INFO,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_ERROR
} LogLevel;

/* To the journal when stderr is connected to it, else to stderr. Library functions return errors
 * and do not log them; who handles an error logs it, once. */
void log_init(LogLevel least);
gboolean log_level_parse(const char *text, LogLevel *ret_level);
const char *log_level_name(LogLevel level);

/* Rooms whose messages have another threshold: "qemu:debug rpc:warning". */
enum { LOG_ROOMS = 10 };
typedef struct LogFilters {
    gboolean set[LOG_ROOMS];
    LogLevel least[LOG_ROOMS];
} LogFilters;

gboolean log_filters_parse(const char *text, LogFilters *ret_filters, GError **err);
char *log_filters_format(const LogFilters *f);
/* From now on; log_init has been called. */
void log_set(LogLevel least, const LogFilters *f);

/* file: __FILE__, which tells the room. */
void log_from(const char *file, LogLevel level, const char *fmt, ...) G_GNUC_PRINTF(3, 4);
#define log_debug(...)   log_from(__FILE__, LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_info(...)    log_from(__FILE__, LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warning(...) log_from(__FILE__, LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_error(...)   log_from(__FILE__, LOG_LEVEL_ERROR, __VA_ARGS__)

/* A message with fields for those who search the journal; elsewhere it is the message alone. */
typedef struct LogField {
    const char *name, *value; /* value NULL: it has none */
} LogField;
/* What shares a bound: so many messages in a while, then a count. */
typedef struct LogCause {
    gconstpointer place;
    guint number;
    const char *what; /* static: as the count names it */
} LogCause;
/* fields end with one without a name and a value. */
void log_event(const char *file, LogLevel level, const LogCause *cause, const LogField *fields,
               const char *fmt, ...) G_GNUC_PRINTF(5, 6);

/* ---- descriptors and files (file.c) ----------------------------------------------------- */

void fd_close(int *fd); /* closes and sets -1; NULL and negative are fine; keeps errno */
static inline int
fd_steal(int *fd)
{
    int f = *fd;
    *fd = -1;
    return f;
}
#define fd_auto __attribute__((cleanup(fd_close), unused)) int

/* Whole file, at most max bytes (ERR_SYSTEM with EFBIG past that). *ret_data is NUL-terminated
 * (one byte past *ret_len) and the caller's. */
gboolean file_read(const char *path, gsize max, char **ret_data, gsize *ret_len, GError **err);
/* What a file was when it was looked at: another stamp means another content. */
typedef struct FileStamp {
    guint64 inode;
    gint64 size, seconds, nanoseconds; /* when it was changed last */
} FileStamp;
/* The same for a regular file alone: a symbolic link, a folder, a pipe or a device at path is an
 * error that says so, and nothing of it is opened. ret_stamp may be NULL. */
gboolean file_read_regular(const char *path, gsize max, char **ret_data, gsize *ret_len,
                           FileStamp *ret_stamp, GError **err);
/* FALSE: there is nothing at path. A symbolic link is looked at itself. */
gboolean file_stamp(const char *path, FileStamp *ret_stamp);
gboolean file_stamp_equal(const FileStamp *a, const FileStamp *b);
/* write(2) to PATH.new, fsync, rename(2), fsync of the folder: after a crash at any instant the
 * old or the new content is there. len -1: strlen. Nothing is left on failure. */
gboolean file_write(const char *path, const char *data, gssize len, mode_t mode, GError **err);
/* The same in two halves, for who does something in between that can fail: PATH.new is written and
 * synced; it takes the place of PATH, or goes. Each file has one PATH.new. */
gboolean file_prepare(const char *path, const char *data, gssize len, mode_t mode, GError **err);
gboolean file_commit(const char *path, GError **err);
void file_abandon(const char *path);
/* Synced under that very name, which is the caller's to rename; dir_sweep knows one that ends in
 * ".new". A worker may call it. */
gboolean file_write_beside(const char *path, const char *data, gssize len, mode_t mode,
                           GError **err);
/* fsync(2) of a folder, after a file in it came or went. */
gboolean dir_sync(const char *path, GError **err);
/* The same without fsync, for files under /run that a power cut takes anyway. */
gboolean file_write_volatile(const char *path, const char *data, gssize len, mode_t mode,
                             GError **err);
/* ---- files in folders that others may write (reach.c); all of this may block. struct stat is that
 * of <sys/stat.h>; -1 and errno on failure. */
struct stat;
/* A descriptor (O_PATH) of what is at path; nothing is opened. A link that another user than root
 * or we have made is followed only to files of that user's: EACCES. */
int file_reach(const char *path, struct stat *ret_st);
/* The same for the folder that path is in; *ret_name is the name in it, which the caller frees. */
int file_reach_folder(const char *path, char **ret_name);
/* Opens what a descriptor holds, with the flags of open(2). */
int fd_reopen(int fd, int flags);
/* Opens path, reached like that, to write; makes it, as a file that was not there, where it is
 * missing. flags: O_WRONLY or O_RDWR, O_TRUNC, O_APPEND, O_NONBLOCK. A file with a second name is
 * refused: EMLINK. */
int file_open_output(const char *path, int flags, mode_t mode, struct stat *ret_st);
/* Keeps a file short that others write into (with O_APPEND): once name in the folder dir has max
 * bytes, its end, as much as max, is copied to NAME.0, that to NAME.1 and so on, backups of them;
 * the file is emptied. What is written meanwhile is lost. -1 and errno; 0: it is short; 1: done.
 * A file with a second name, or that is none: EMLINK, EINVAL. This may block. */
int file_rotate(int dir, const char *name, gint64 max, guint backups);

/* unlink(2); a missing file is success, and so is a name that is too long for any. */
gboolean file_remove(const char *path, GError **err);
/* Takes away what file_write had not yet put in its place when its daemon was killed. */
void dir_sweep(const char *folder);
/* mkdir -p; an existing folder keeps its mode. */
gboolean dir_make(const char *path, mode_t mode, GError **err);
/* rm -r; never follows links; a missing folder is success. */
gboolean dir_remove(const char *path, GError **err);
/* Moves a file that cannot be read out of the way (PATH.broken-N), logs it. */
void file_set_aside(const char *path, const char *why);
gboolean fd_set_nonblock(int fd, GError **err);
/* A sum over bytes, never the same after a change of one byte: against damage, not against malice.
 */
guint32 bytes_sum(const char *data, gsize len);

/* ---- child processes (process.c) -------------------------------------------------------- */

/* A running child or an adopted process. Watched by pidfd_open(2), so no SIGCHLD handler exists. */
typedef struct Process Process;

typedef struct ProcessFd {
    int fd; /* in the daemon; stays the caller's */
    int as; /* number in the child; -1: the same number */
} ProcessFd;

/* What a child may use of the machine; 0: as much as the daemon. */
typedef struct ProcessLimits {
    guint64 cpu_s, file_bytes, files;
} ProcessLimits;
/* For programs that answer a question and end: a minute of a processor, files of 64 MiB. */
extern const ProcessLimits process_tool_limits;

/* How much a process sees of a folder, or a file (landlock.c). */
typedef enum Sight {
    SIGHT_READ,
    SIGHT_RUN,     /* and executes what is in there */
    SIGHT_USE,     /* writes, and controls devices */
    SIGHT_OWN,     /* makes and removes */
    SIGHT_SOCKETS, /* makes and removes sockets */
} Sight;
/* The kernel's; 0: it has none, or this process may not use it. */
int landlock_abi(void);
/* A ruleset, a descriptor, that allows nothing yet; -1: errno. alone: nor TCP, nor signals and
 * abstract sockets out of it, where the kernel can deny those. */
int landlock_new(gboolean alone);
/* FALSE: errno. What is not there is none. */
gboolean landlock_allow(int ruleset, const char *path, Sight sight);
gboolean landlock_allow_fd(int ruleset, int fd, Sight sight, gboolean is_file);
gboolean landlock_enter(int ruleset);

/* What a child that is not trusted has of the host, from before it is executed (confine.c). It
 * never gets more: no_new_privs. Its umask is 077, and it leaves no core. */
typedef struct Confine {
    gboolean become; /* another user than the daemon, which must be root */
    guint32 uid, gid;
    guint32 group;        /* one more; 0: none */
    guint64 caps;         /* bits by number, kept where uid is 0 */
    guint64 files, tasks; /* limits; 0: as the daemon */
    guint64 file_bytes;   /* of each file that it writes; 0: any */
    gboolean locks;       /* as much memory as it likes may be locked */
    int namespaces;       /* CLONE_NEW...: empty ones; what the kernel refuses stays the daemon's */
    int landlock;         /* a ruleset; 0: it sees what its user does */
} Confine;
/* Puts the calling process there; for the child alone. System calls and nothing else. FALSE: errno,
 * and what could not be done. */
gboolean confine_enter(const Confine *c, const char **ret_step);

typedef struct ProcessSpec {
    const char *const *argv; /* argv[0] is searched in PATH when it has no '/' */
    const char *const *env;  /* NULL: that of process_env */
    const ProcessFd *fds;    /* everything else but 0, 1, 2 is closed in the child */
    gsize n_fds;
    const char *cwd;   /* NULL: "/" */
    const char *input; /* NULL: /dev/null; else written to its stdin */
    int stdout_fd;     /* -1: captured, at most out_max bytes; else this descriptor */
    int stderr_fd;     /* -1: captured with bound; else this descriptor */
    gsize out_max;     /* 0: 1 MiB. More output is read and dropped, and said in the error */
    gboolean detach;   /* setsid(2): outlives the daemon, is not ended by process_free */
    /* The program may lie where exec hangs: it is not waited for. Why it could not be run is said
     * on the child's stderr, and its status is 127 then. One that is not detached leads a process
     * group of its own, which ends with it. */
    gboolean apart;
    const ProcessLimits *limits; /* NULL: the daemon's own */
    const Confine *confine;      /* NULL: as the daemon */
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

/* What every child gets to know: PATH, HOME, USER and LOGNAME as the daemon has them, LC_ALL=C, and
 * nothing else of the daemon's environment. Free with g_strfreev. */
char **process_env(void);
/* Starts a program. The kernel does not spare it where memory runs out, as it may spare the daemon;
 * one with limits leaves no core. The caller frees the process. */
Process *process_spawn(const ProcessSpec *spec, ProcessDone done, gpointer user, GError **err);
/* Watches a process that an earlier daemon started. start_time guards against pid reuse: field 22
 * of /proc/PID/stat, never 0. ERR_SYSTEM with ESRCH when it is gone. Where the kernel cannot say,
 * as when no descriptor is left, it is asked again until it can; done hears of an end so found,
 * with status -1. */
Process *process_adopt(pid_t pid, guint64 start_time, ProcessDone done, gpointer user,
                       GError **err);
/* What has been captured of its stdout so far; borrowed until the loop goes on. */
const char *process_output(const Process *p);
pid_t process_pid(const Process *p);
guint64 process_start_time(pid_t pid); /* 0: no such process */
/* pidfd_send_signal(2): cannot hit a stranger. A dead process is success. */
gboolean process_signal(Process *p, int sig, GError **err);
/* Forgets it without a callback; a process that is not detached is killed and reaped. */
void process_free(Process *p);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Process, process_free)
/* NULL when status is "exited with 0", else "exited with status 3" or "killed by signal 9
 * (Killed)". */
char *process_status_text(int status);

/* ---- framed streams (lines.c) ----------------------------------------------------------- */

/* A non-blocking byte stream over a descriptor, cut into frames by a callback; QMP and the RPC
 * both stand on it. Never blocks; what cannot be written waits in a queue. */
typedef struct Lines Lines;

/* Length of the first whole frame in data[0..len), 0 when more bytes are needed, -1 when no frame
 * can ever come of this (the stream is closed with an error). */
typedef gssize (*LinesCut)(const guint8 *data, gsize len, gpointer user);

typedef struct LinesOps {
    LinesCut cut;
    /* A frame; the bytes are valid during the call. It may call lines_free. */
    void (*frame)(Lines *l, const guint8 *data, gsize len, gpointer user);
    /* EOF between frames (err NULL) or an error; nothing comes after it. The stream is still
     * lines_free'd by its owner. After an EOF sending goes on; a failed write is told here too,
     * after what the peer had sent before it was delivered. */
    void (*ended)(Lines *l, const GError *err, gpointer user);
    /* Optional: the output queue fell below the low mark (64 KiB) after having been above it. */
    void (*drained)(Lines *l, gpointer user);
    /* Optional: do the frames that begin in data take descriptors? Asked only when some have come
     * with the last bytes. NULL: none does. A stream to which others are sent ends with an error.
     */
    gboolean (*takes_fds)(const guint8 *data, gsize len, gpointer user);
    /* Optional, asked before each frame: FALSE: the frames that are there wait until the loop comes
     * round again. round: differs from one round of the loop to the next. */
    gboolean (*may_go_on)(gint64 round, gpointer user);
} LinesOps;

/* Takes fd (made non-blocking). max: the largest frame; a longer one ends the stream. No function
 * of a stream calls back before it returns: callbacks come from the main loop alone, and any of
 * them may lines_free it. SIGPIPE must be ignored when fd is a pipe. */
Lines *lines_new(int fd, gsize max, const LinesOps *ops, gpointer user);
void lines_free(Lines *l); /* drops what was not written */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Lines, lines_free)
int lines_fd(const Lines *l);
/* discard (with keeper) closes what may take long to close: descriptors that the peer sent, and the
 * stream's own where some are in it that nobody has read. It may outlive user, so keeper is freed
 * by the stream, with free_keeper. Without it these are closed at once. */
typedef void (*LinesDiscard)(int fd, gpointer keeper);
void lines_on_discard(Lines *l, LinesDiscard discard, gpointer keeper, GDestroyNotify free_keeper);
/* Queues a copy and writes at once what fits. */
void lines_send(Lines *l, const void *data, gsize len);
/* The same for what is secret: the copy that waits to be sent is wiped when it is. */
void lines_send_secret(Lines *l, const void *data, gsize len);
/* From within LinesOps.frame, of a frame that is secret: no part of it stays in memory. */
void lines_wipe_input(Lines *l);
/* Queues bytes that the stream frees: for large replies. */
void lines_send_bytes(Lines *l, GBytes *bytes);
/* Queues one filler byte (value `filler`) with one descriptor (SCM_RIGHTS); the descriptor is
 * duplicated. Order with the bytes around it is kept. */
void lines_send_fd(Lines *l, int fd, guint8 filler);
/* Queues data that carries fds on its first byte (QMP's way). Duplicated. */
void lines_send_with_fds(Lines *l, const void *data, gsize len, const int *fds, gsize n_fds);
/* Takes received descriptors, oldest first; -1 when there is none. Received descriptors that are
 * never taken are closed by lines_free. */
int lines_take_fd(Lines *l);
/* Reading stops (flow control) or goes on; frames already read are delivered after going on. A peer
 * that hangs up meanwhile is noticed then, so that nothing it sent is lost. */
void lines_pause(Lines *l, gboolean paused);
gsize lines_queued(const Lines *l); /* bytes not yet written */
/* Frees the stream when the queue is empty: a last reply before hanging up. No callback follows,
 * and a peer that does not read is given up after ten seconds. */
void lines_close_when_sent(Lines *l);

/* ---- UUIDs (uuid.c) --------------------------------------------------------------------- */

#define UUID_LEN      16
#define UUID_TEXT_LEN 37 /* with its NUL */

void uuid_format(const guint8 uuid[UUID_LEN], char ret_text[UUID_TEXT_LEN]);
gboolean uuid_parse(const char *text, guint8 ret_uuid[UUID_LEN]); /* with or without dashes */
void uuid_make(guint8 ret_uuid[UUID_LEN]);                        /* random, RFC 4122 version 4 */
void uuid_of_text(const char *text, guint8 ret_uuid[UUID_LEN]);   /* the same for the same text */
gboolean uuid_is_zero(const guint8 uuid[UUID_LEN]);

#include "schema.h"

/* ---- users and groups (account.c) ----------------------------------------------------------- */

/* FALSE: this host has none of that name. The name service is asked, which may hang: for workers,
 * several of which may ask at once, and for a daemon that is just coming. getpwnam_r(3). */
gboolean account_user(const char *name, guint32 *ret_uid);
gboolean account_group(const char *name, guint32 *ret_gid);

/* ---- words that are nearly right (near.c) --------------------------------------------------- */

/* Letters to change, add, leave out or swap with their neighbour; G_MAXUINT: too long to tell. */
guint word_distance(const char *a, const char *b);
/* What text was probably meant to be, of a list that NULL ends; NULL: none is near enough. */
const char *nearest_word(const char *text, const char *const *words);
