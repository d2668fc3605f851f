/* What is on disk of a running VM beside its ledger: the status, as JSON, and its live definition.
 * A row is all that it takes for a fact of a VM to be saved and to be there after a restart.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "vm.h"

#define LIVE_MAX (64 << 20)

/* ---- the threads of the processors, by number: "4711 4712 0" */

static gboolean
tids_parse(const Field *f, const char *text, gpointer at, GError **err)
{
    GArray *tids = *(GArray **)at;
    g_auto(GStrv) words = g_strsplit(text, " ", -1);

    g_array_set_size(tids, 0);
    for (int i = 0; words[i]; i++) {
        guint64 n;
        pid_t tid;
        if (!g_ascii_string_to_unsigned(words[i], 10, 0, G_MAXINT32, &n, NULL))
            return FALSE;
        tid = (pid_t)n;
        g_array_append_val(tids, tid);
    }
    return TRUE;
}

static void
tids_format(const Field *f, gconstpointer at, GString *out)
{
    const GArray *tids = *(GArray *const *)at;

    for (guint i = 0; i < tids->len; i++)
        g_string_append_printf(out, "%s%d", i ? " " : "", (int)g_array_index(tids, pid_t, i));
}

static gboolean
tids_present(gconstpointer at)
{
    return (*(GArray *const *)at)->len > 0;
}

static const FieldType tids_type = { "thread ids", NULL,        sizeof(GArray *),
                                     tids_parse,   tids_format, tids_present };

/* ---- the rows */

/* "complete" tells a VM from a start that was interrupted where the ledger cannot. */
static const Field run_fields[] = {
    ROW(Run, "pid", F_I32, pid, F_REQUIRED, RANGE(2, G_MAXINT32), "QEMU's process,"),
    ROW(Run, "start_time", F_U64, start_time, F_REQUIRED, NULL, "and when the kernel began it."),
    ROW(Run, "started", F_I64, started, 0, NULL, "Wall clock, in microseconds."),
    ROW(Run, "flags", F_U32, flags, 0, NULL, "Of the start."),
    ROW(Run, "complete", F_FLAG, complete, 0, NULL, "Its start was finished."),
    ROW(Run, "stopping", F_FLAG, stopping, 0, NULL, "Its end has begun,"),
    ROW(Run, "why/reason", F_I32, why.reason, 0, NULL, "for this reason,"),
    ROW(Run, "why/detail", F_I32, why.detail, 0, NULL, "and its event will say this."),
    ROW(Run, "rebooting", F_FLAG, rebooting, 0, NULL, "Its next shutdown is a reset."),
    ROW(Run, "outdated", F_FLAG, outdated, 0, NULL, "Its persistent definition is another."),
    ROW(Run, "taint", F_U32, taint, 0, NULL, "Bits of virDomainTaintFlags."),
    ROW(Run, "confined/how", F_I32, confined.how, 0, RANGE(0, N_CONFINE_HOWS - 1), "ConfineHow."),
    ROW(Run, "confined/uid", F_U32, confined.uid, 0, NULL, "As whom it runs,"),
    ROW(Run, "confined/gid", F_U32, confined.gid, 0, NULL, "with this group"),
    ROW(Run, "confined/group", F_U32, confined.group, 0, NULL, "and one more."),
    ROW(Run, "confined/landlock", F_I32, confined.landlock, 0, NULL, "The ABI in force."),
    ROW(Run, "confined/needs", F_U32, confined.has.needs, 0, NULL, "Bits of ConfineNeed,"),
    ROW(Run, "confined/reasons", F_STRING, confined.has.reasons, 0, NULL, "and why."),
    ROW(Run, "group", F_STRING, group, 0, NULL, "Folder of its control group,"),
    ROW(Run, "scope", F_STRING, scope, 0, NULL, "and systemd's unit for it."),
    ROW(Run, "tpm_fate", F_I32, tpm_fate, 0, RANGE(0, TPM_FATE_GONE), "TpmFate."),
    ROW(Run, "vcpus", F_OWN, vcpu_tids, 0, &tids_type, "Threads of its processors."),
    ROW(Run, "doubt", F_STRING, doubt, 0, NULL, "What could not be read back of it."),
    ROW_END,
};
static const Schema run_schema = { "run", sizeof(Run), run_fields };

static const Field status_fields[] = {
    ROW(Vm, "name", F_STRING, obj.name, F_WRITE, NULL, "For people, and when the rest is lost."),
    ROW(Vm, "id", F_I32, obj.id, F_REQUIRED, RANGE(1, G_MAXINT32), "Its number while it runs."),
    ROW(Vm, "persistent", F_FLAG, persistent, F_WRITE, NULL, "There is a definition of it."),
    ROW(Vm, "state", F_I32, state, F_REQUIRED, RANGE(VM_NOSTATE + 1, N_VM_STATES - 1), "State,"),
    ROW(Vm, "reason", F_I32, reason, 0, NULL, "and why it is in it."),
    ROW(Vm, "guest_seconds", F_I32, guest_seconds, F_WRITE, RANGE(-3, G_MAXINT32),
        "How long its agent is waited for."),
    ROW(Vm, "run", F_PTR, run, F_REQUIRED, &run_schema, "All else."),
    ROW_END,
};
static const Schema status_schema = { "status", sizeof(Vm), status_fields };

/* ---- status */

gboolean
status_save(Vm *vm, GError **err)
{
    g_autofree char *path = g_build_filename(vm->run->dir, "status", NULL);
    json_object *o;
    gboolean ok;

    if (vm->run->folder_goes)
        return TRUE;
    o = schema_to_json(&status_schema, vm, XML_LIVE | XML_SECURE);
    json_object_object_add(o, "claims", claims_to_json(OWNER(vm)));
    ok = json_file_write(path, o, err);
    json_object_put(o);
    return ok;
}

json_object *
status_read(const char *dir, GError **err)
{
    g_autofree char *path = g_build_filename(dir, "status", NULL);

    return json_file_read(path, err);
}

/* Tried on a Vm that nobody knows: a status that makes no sense must not be half in the other. */
static gboolean
is_sound(const Vm *vm, json_object *status, GError **err)
{
    Vm other = { .run = run_new(vm, NULL) };
    gboolean ok = schema_read_json(&status_schema, status, XML_LIVE | XML_SECURE, &other, err);

    /* A number alone may be any process's by now. */
    if (ok && (other.run->pid <= 1 || other.run->start_time == 0))
        ok = fail(err, ERR_INTERNAL, "it does not say which process its QEMU is");
    run_free(other.run);
    return ok;
}

gboolean
status_apply(Vm *vm, json_object *status, GError **err)
{
    int id;

    if (!is_sound(vm, status, err) || !claims_from_json(OWNER(vm), json_at(status, "claims"), err))
        return FALSE;
    schema_read_json(&status_schema, status, XML_LIVE | XML_SECURE, vm, NULL);
    id = vm->obj.id;
    vm->obj.id = -1;
    registry_set_id(qemu_vms, &vm->obj, id);
    vm_id_used(id);
    return TRUE;
}

/* ---- the live definition, with a sum in a comment after its end */

static char *
sum_line(const char *xml, gsize len)
{
    return g_strdup_printf("<!-- sum %08x -->\n", bytes_sum(xml, len));
}

static gboolean
says_already(const char *path, const char *text)
{
    g_autofree char *now = NULL;
    gsize len;

    return file_read(path, LIVE_MAX, &now, &len, NULL) && strcmp(now, text) == 0;
}

gboolean
live_write(const char *dir, const DomainDef *live, GError **err)
{
    g_autofree char *path = g_build_filename(dir, "live.xml", NULL);
    g_autofree char *xml = domain_format(live, DEF_LIVE | DEF_SECURE | DEF_SAVED);
    g_autofree char *end = sum_line(xml, strlen(xml)), *all = g_strconcat(xml, end, NULL);

    return says_already(path, all) || file_write_volatile(path, all, -1, 0600, err);
}

gboolean
live_save(Vm *vm, GError **err)
{
    if (vm->run->folder_goes)
        return TRUE;
    return live_write(vm->run->dir, vm->run->live, err);
}

static gboolean
sum_is_right(const char *text, gsize len)
{
    const gsize end = strlen("<!-- sum 01234567 -->\n");
    g_autofree char *want = len > end ? sum_line(text, len - end) : NULL;

    return want && strcmp(text + len - end, want) == 0;
}

DomainDef *
live_read(const char *dir, gboolean *ret_changed, GError **err)
{
    g_autofree char *path = g_build_filename(dir, "live.xml", NULL);
    g_autofree char *text = NULL;
    gsize len;

    if ((access(path, F_OK) < 0 && errno == ENOENT) || !file_read(path, LIVE_MAX, &text, &len, err))
        return NULL;
    *ret_changed = !sum_is_right(text, len);
    return domain_parse(text, (gssize)len, DEF_BARE | DEF_LIVE | DEF_SAVED, emulator_context(),
                        err);
}
