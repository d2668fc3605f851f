/* A new volume: made in a folder of its own beside the others, by a worker or by qemu-img, and
 * given its name when it is whole. Until then there is no volume, and whatever ends the change
 * takes the folder away. */
#include "backend.h"

#include <string.h>

#define SECTOR  512
#define ROUNDED 1024 /* what qemu-img is asked to make is a multiple of that, as with libvirt */

/* Formats that are made; driver: by qemu-img, NULL: by a worker. */
static const struct {
    const char *word, *driver;
} kinds[] = {
    { "raw", NULL },      { "dir", NULL },    { "iso", "raw" },
    { "qcow2", "qcow2" }, { "qcow", "qcow" }, { "vmdk", "vmdk" },
    { "vdi", "vdi" },     { "vpc", "vpc" },   { "qed", "qed" },
};

static const char *
driver_of(const char *word)
{
    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (strcmp(kinds[i].word, word) == 0)
            return kinds[i].driver;
    return NULL;
}

static gboolean
is_raw(const VolumeDef *def)
{
    return g_strcmp0(def->format, "raw") == 0 || g_strcmp0(def->format, "iso") == 0;
}

/* Whether a volume is a LUKS container for qemu-img: raw for the guest, and encrypted. */
static gboolean
is_container(const VolumeDef *def)
{
    return def->encryption && strcmp(def->format, "raw") == 0;
}

static const char *
driver_asked(const VolumeDef *def)
{
    return is_container(def) ? "luks" : driver_of(def->format);
}

/* A worker copies raw images itself: that is how they can share blocks. A container whose copy has
 * the same key is copied as it lies there. */
static gboolean
is_copied(const VolumeChange *c)
{
    const EncryptionDef *e = c->def->encryption;

    return c->source && is_raw(c->source) && strcmp(c->def->format, "raw") == 0 &&
           (!e ||
            (c->source->encryption && schema_equal(&encryption_schema, e, c->source->encryption)));
}

/* ---- what can be made */

static gboolean
format_check(const VolumeDef *def, GError **err)
{
    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (strcmp(kinds[i].word, def->format) == 0)
            return TRUE;
    return fail(err, ERR_INTERNAL, "volume '%s': no image of format '%s' can be made here",
                def->name, def->format);
}

static gboolean
encryption_check(const VolumeDef *def, GError **err)
{
    const EncryptionDef *e = def->encryption;

    if (!e)
        return TRUE;
    if (strcmp(def->format, "raw") != 0 && strcmp(def->format, "qcow2") != 0)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "creation of %s encrypted image is not supported",
                    def->format);
    if (list_length(e->secrets) != 1)
        return fail(err, ERR_INVALID_ARG,
                    "volume '%s': 'encryption' needs one 'secret' of type 'passphrase'", def->name);
    if (e->format != ENCRYPTION_LUKS)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "volume '%s': no image is made with encryption '%s', 'luks' can be", def->name,
                    word_of(encryption_formats, e->format));
    return secret_get_ref(list_item(e->secrets, 0), err) != NULL;
}

/* Whether the source can be read without a key; an encrypted one can only be copied as it is. */
static gboolean
source_is_open(const VolumeChange *c, GError **err)
{
    return !c->source || !c->source->encryption || is_copied(c) ||
           fail(err, ERR_CONFIG_UNSUPPORTED,
                "volume '%s' is encrypted: it is not read yet, a copy must be raw as it is",
                c->source->path);
}

static gboolean
backing_may(VolumeDef *def, GError **err)
{
    VolumeBacking *b = def->backing;

    if (!b || !b->path)
        return TRUE;
    if (!driver_of(def->format) || strcmp(driver_of(def->format), "raw") == 0)
        return fail(err, ERR_NO_SUPPORT, "backing storage not supported for %s volumes",
                    def->format);
    if (!b->format)
        b->format = g_strdup("raw");
    return TRUE;
}

static gboolean
options_check(const VolumeChange *c, GError **err)
{
    const VolumeDef *def = c->def;
    const char *driver = driver_of(def->format);
    gboolean is_qcow2 = driver && strcmp(driver, "qcow2") == 0;

    if (c->flags & VOLUME_PREALLOCATE && !is_qcow2)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "metadata preallocation only available with qcow2");
    if (driver && !is_qcow2 && (def->compat || def->features))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "compatibility option only available with qcow2");
    if (c->flags & VOLUME_REFLINK && !is_copied(c))
        return fail(err, ERR_INVALID_ARG, "blocks can be shared by raw images alone (reflink)");
    return TRUE;
}

static gboolean
name_is_free(const Pool *pool, const VolumeChange *c, GError **err)
{
    const char *name = c->def->name;

    if (g_hash_table_contains(pool->volumes->by_name, name))
        return c->source ? fail(err, ERR_INTERNAL, "storage volume name '%s' already in use.", name)
                         : fail(err, ERR_VOLUME_EXISTS, "'%s'", name);
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return fail(err, ERR_OPERATION_INVALID, "volume target path '%s/%s' already exists",
                    pool->live->path, name);
    return volume_name_is_shown(name) ||
           fail(err, ERR_XML, "name '%s' of a volume may not begin with '%s' or have a line break",
                name, MAKING_PREFIX);
}

static void
set_paths(const Pool *pool, VolumeChange *c)
{
    guint8 random[UUID_LEN];
    char text[UUID_TEXT_LEN];

    making_uuid(random);
    uuid_format(random, text);
    g_free(c->def->path);
    g_free(c->def->key);
    c->def->path = g_build_filename(pool->live->path, c->def->name, NULL);
    c->def->key = g_strdup(c->def->path);
    c->folder = g_strdup_printf("%s/%s%s", pool->live->path, MAKING_PREFIX, text);
}

static gboolean
size_is_possible(const VolumeDef *def, GError **err)
{
    return MAX(def->capacity, def->allocation) <= G_MAXINT64 ||
           fail(err, ERR_OVERFLOW, "volume '%s' is larger than a file can be", def->name);
}

/* Drops fields of the document that are no properties of a file. */
static void
drop_remarks(VolumeDef *def)
{
    volume_drop_devices(def);
    if (def->permissions)
        g_clear_pointer(&def->permissions->label, g_free);
}

/* The volume; the files below it are claimed when they are known. */
static gboolean
source_hold(Task *t, const VolumeChange *c, GError **err)
{
    Pool *pool;

    return !c->source || !(pool = pool_get_uuid(c->source_uuid, NULL)) ||
           volume_hold(t, pool, c->source->name, TRUE, err);
}

static StepResult
create_check(Flow *f, gpointer obj, GError **err)
{
    VolumeChange *c = flow_user(f);
    const Pool *pool = c->pool;

    if (!pool_needs_active(pool, err) || !name_is_free(pool, c, err) ||
        !volume_hold(obj, pool, c->def->name, FALSE, err) || !source_hold(obj, c, err) ||
        !format_check(c->def, err) || !encryption_check(c->def, err) || !source_is_open(c, err) ||
        !backing_may(c->def, err) || !options_check(c, err) || !size_is_possible(c->def, err))
        return STEP_FAILED;
    drop_remarks(c->def);
    set_paths(pool, c);
    return STEP_DONE;
}

static StepResult
create_look(Flow *f, gpointer obj, GError **err)
{
    return volume_errand(f, obj, work_look_for_room);
}

/* ---- what it is copied from */

StepResult
volume_look_at_source(Flow *f, gpointer obj, GError **err)
{
    const VolumeChange *c = flow_user(f);

    return c->source ? volume_errand(f, obj, work_look_at_source) : STEP_DONE;
}

StepResult
volume_claim_source(Flow *f, gpointer obj, GError **err)
{
    VolumeChange *c = flow_user(f);

    for (guint i = 0; c->source && i < c->found->images->len; i++) {
        const ReadImage *image = c->found->images->pdata[i];
        if (!volume_claim(obj, image->path, image->mark, TRUE, err))
            return STEP_FAILED;
    }
    if (c->source)
        c->def->capacity = MAX(c->def->capacity, c->image_size);
    if (c->source && !c->def->has_allocation)
        c->def->allocation = c->def->capacity;
    return STEP_DONE;
}

/* ---- the file */

static StepResult
create_folder(Flow *f, gpointer obj, GError **err)
{
    const VolumeChange *c = flow_user(f);

    return flow_note(f, c->folder, WORDS(c->def->path), err)
               ? volume_errand_or(f, obj, work_make_folder, work_unmake_folder)
               : STEP_FAILED;
}

static StepResult
create_unmake_folder(Flow *f, gpointer obj)
{
    const char *path = flow_word(f, 0);

    if (!path)
        return STEP_DONE;
    volume_stop(f);
    return volume_undo_errand(f, obj, work_unmake_folder, volume_undo_work(path, flow_key(f)));
}

#define KEY "key" /* qemu-img's object with the passphrase */

static void
add_word(GString *o, const char *prefix, const char *name, const char *word)
{
    if (word)
        g_string_append_printf(o, ",%s%s=%s", prefix, name, word);
}

/* QEMU's names of what documents say of a cipher. */
static void
add_cipher(GString *o, const EncryptionDef *e, const char *prefix)
{
    g_autofree char *cipher = e->cipher_size
                                  ? g_strdup_printf("%s-%u", e->cipher_name, e->cipher_size)
                                  : g_strdup(e->cipher_name);

    add_word(o, prefix, "key-secret", KEY);
    if (e->cipher_name)
        add_word(o, prefix, "cipher-alg", cipher);
    add_word(o, prefix, "cipher-mode", e->cipher_mode);
    add_word(o, prefix, "hash-alg", e->cipher_hash);
    add_word(o, prefix, "ivgen-alg", e->ivgen_name);
    add_word(o, prefix, "ivgen-hash-alg", e->ivgen_hash);
}

static char *
options_of(const VolumeChange *c)
{
    const VolumeDef *def = c->def;
    g_autoptr(GString) o = g_string_new(NULL);

    if (is_container(def)) {
        add_cipher(o, def->encryption, "");
        return g_strdup(o->str + 1);
    }
    if (strcmp(def->format, "qcow2") != 0)
        return NULL;
    g_string_append_printf(o, "compat=%s", def->compat ? def->compat : "1.1");
    if (def->cluster_size)
        g_string_append_printf(o, ",cluster_size=%" G_GUINT64_FORMAT, def->cluster_size);
    if (def->features && def->features->lazy_refcounts)
        g_string_append(o, ",lazy_refcounts=on");
    if (def->features && def->features->extended_l2)
        g_string_append(o, ",extended_l2=on");
    if (def->encryption) {
        g_string_append(o, ",encrypt.format=luks");
        add_cipher(o, def->encryption, "encrypt.");
    }
    if (c->flags & VOLUME_PREALLOCATE)
        g_string_append_printf(o, ",preallocation=%s",
                               def->allocation < def->capacity ? "metadata" : "falloc");
    return g_strdup(o->str);
}

static void
add_key(GPtrArray *argv, const VolumeChange *c)
{
    g_autofree char *key = g_strdup_printf("secret,id=" KEY ",format=raw,file=/proc/self/fd/%d",
                                           c->key);

    tool_add(argv, "--object");
    tool_add(argv, key);
}

static void
add_options(GPtrArray *argv, const VolumeChange *c)
{
    g_autofree char *options = options_of(c);

    if (c->def->encryption)
        add_key(argv, c);
    if (!options)
        return;
    tool_add(argv, "-o");
    tool_add(argv, options);
}

/* -u: the image below is not opened, it has been looked at. */
static GPtrArray *
create_words(const VolumeChange *c, const char *path)
{
    const VolumeBacking *b = c->def->backing;
    guint64 size = (c->def->capacity + ROUNDED - 1) / ROUNDED;
    g_autofree char *kib = g_strdup_printf("%" G_GUINT64_FORMAT "K", size);
    GPtrArray *argv = tool_words("qemu-img", "create", "-q", "-f", driver_asked(c->def), NULL);

    add_options(argv, c);
    if (b && b->path) {
        const char *const words[] = { "-u", "-b", b->path, "-F", b->format };
        for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
            tool_add(argv, words[i]);
    }
    tool_add(argv, path);
    tool_add(argv, kib);
    return argv;
}

static const char *
driver_or_raw(const VolumeDef *def)
{
    return driver_asked(def) ? driver_asked(def) : "raw";
}

static GPtrArray *
convert_words(const VolumeChange *c, const char *path)
{
    const VolumeBacking *b = c->def->backing;
    GPtrArray *argv = tool_words("qemu-img", "convert", "-p", "-O", driver_or_raw(c->def), NULL);

    add_options(argv, c);
    if (b && b->path) {
        const char *const words[] = { "-B", b->path, "-F", b->format };
        for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
            tool_add(argv, words[i]);
    }
    tool_add(argv, c->image);
    tool_add(argv, path);
    return argv;
}

/* Formats that qemu-img cannot measure take a little more than what is in them. */
GPtrArray *
create_measure_words(const VolumeChange *c)
{
    gboolean is_qcow2 = g_strcmp0(driver_asked(c->def), "qcow2") == 0;
    GPtrArray *argv = tool_words("qemu-img", "measure", "--output=json", "-O",
                                 is_qcow2 ? "qcow2" : "raw", NULL);

    tool_add(argv, c->image);
    return argv;
}

/* Makes the file with the key of an encrypted volume, which the tool reads; it is wiped when the
 * tool has ended. */
static gboolean
take_key(VolumeChange *c, GError **err)
{
    if (!c->def->encryption)
        return TRUE;
    c->key = secret_file(list_item(c->def->encryption->secrets, 0), err);
    return c->key >= 0;
}

static StepResult
create_write(Flow *f, gpointer obj, GError **err)
{
    VolumeChange *c = flow_user(f);
    g_autofree char *path = g_build_filename(c->folder, c->def->name, NULL);

    if (is_copied(c))
        return volume_errand(f, obj, work_copy);
    if (!take_key(c, err))
        return STEP_FAILED;
    if (c->source)
        return tool_run(f, c, convert_words(c, path), err);
    if (strcmp(c->def->format, "dir") == 0)
        return STEP_DONE;
    if (!driver_asked(c->def))
        return volume_errand(f, obj, work_fill);
    return tool_run(f, c, create_words(c, path), err);
}

/* A copy is as large as what it is of; one that is to be larger is made so. */
/* The opened image in the JSON of QEMU's block layer. The caller frees it. */
static char *
opened_text(const VolumeDef *def, const char *path)
{
    json_object *o = json_make("file", 'o',
                               json_make("driver", 's', "file", "filename", 's', path, NULL), NULL);
    char *text;

    json_object_object_add(o, "driver", json_object_new_string(driver_asked(def)));
    if (is_container(def))
        json_object_object_add(o, "key-secret", json_object_new_string(KEY));
    else
        json_object_object_add(o, "encrypt",
                               json_make("format", 's', "luks", "key-secret", 's', KEY, NULL));
    text = g_strdup_printf("json:%s", json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
    json_object_put(o);
    return text;
}

static GPtrArray *
grow_words(const VolumeChange *c, const char *path, const char *size)
{
    GPtrArray *argv = tool_words("qemu-img", "resize", "-q", NULL);
    g_autofree char *opened = c->def->encryption ? opened_text(c->def, path) : NULL;

    if (opened) {
        add_key(argv, c);
    } else {
        tool_add(argv, "-f");
        tool_add(argv, driver_or_raw(c->def));
    }
    tool_add(argv, opened ? opened : path);
    tool_add(argv, size);
    return argv;
}

static StepResult
create_grow(Flow *f, gpointer obj, GError **err)
{
    VolumeChange *c = flow_user(f);
    g_autofree char *path = g_build_filename(c->folder, c->def->name, NULL);
    guint64 sectors = (c->def->capacity + SECTOR - 1) / SECTOR;
    g_autofree char *size = g_strdup_printf("%" G_GUINT64_FORMAT, sectors * SECTOR);

    if (!c->source || is_copied(c) || c->def->capacity <= c->image_size)
        return STEP_DONE;
    return take_key(c, err) ? tool_run(f, c, grow_words(c, path, size), err) : STEP_FAILED;
}

static StepResult
create_place(Flow *f, gpointer obj, GError **err)
{
    const VolumeChange *c = flow_user(f);
    g_autofree char *dev = g_strdup_printf("%" G_GUINT64_FORMAT, c->mark.dev);
    g_autofree char *ino = g_strdup_printf("%" G_GUINT64_FORMAT, c->mark.ino);

    return flow_note(f, c->def->path, WORDS(dev, ino), err)
               ? volume_errand_or(f, obj, work_place, work_unplace)
               : STEP_FAILED;
}

static StepResult
create_unplace(Flow *f, gpointer obj)
{
    VolumeWork *w;

    if (!flow_word(f, 1))
        return STEP_DONE;
    volume_stop(f);
    w = volume_undo_work(flow_key(f), NULL);
    w->mark.dev = g_ascii_strtoull(flow_word(f, 0), NULL, 10);
    w->mark.ino = g_ascii_strtoull(flow_word(f, 1), NULL, 10);
    return volume_undo_errand(f, obj, work_unplace, w);
}

static const Step create_steps[] = {
    { "may be made", create_check, NULL },
    { "look for room", create_look, NULL },
    { "look at source", volume_look_at_source, NULL },
    { "take images", volume_claim_source, NULL },
    { "make folder", create_folder, create_unmake_folder, STEP_KEYED },
    { "write image", create_write, tool_stop },
    { "grow image", create_grow, tool_stop },
    { "put in place", create_place, create_unplace, STEP_KEYED },
    { 0 },
};
const FlowTable volume_create_table = { "volume-create", create_steps, .for_good = TRUE };

/* ---- as tasks */

static void
on_created(gpointer task, const GError *err, gpointer user)
{
    if (!err)
        volume_known(user);
    volume_change_over(user, err);
}

/* Rows before and after the copy take no time that is worth a count. */
void
volume_create_look(gpointer user, TaskProgress *ret)
{
    const VolumeChange *c = user;
    int part = tool_progress(c);

    if (part >= 0)
        *ret = (TaskProgress){ (guint64)((double)c->image_size * part / 10000), c->image_size };
    else
        volume_progress(c, ret);
}

const TaskKind create_kind = { "create", "bytes", &volume_create_table, .holds = TRUE,
                               .look = volume_create_look };
const TaskKind clone_kind = { "clone", "bytes", &volume_create_table, .holds = TRUE,
                              .look = volume_create_look };

/* Takes def, which is NULL with err. */
static void
create(Pool *pool, VolumeDef *def, Pool *source_pool, const VolumeDef *source, guint32 flags,
       const TaskOwner *who, const GError *err, VolumeDone done, gpointer user)
{
    VolumeChange *c;

    if (!def) {
        done(pool, NULL, err, user);
        return;
    }
    c = volume_change_new(pool, def, flags, done, user);
    if (source) {
        c->source = volume_copy(source);
        memcpy(c->source_uuid, source_pool->obj.uuid, UUID_LEN);
    }
    volume_change_run(source ? volume_kinds(pool)->clone : volume_kinds(pool)->create, who,
                      on_created, c);
}

void
volume_create(Pool *pool, const char *xml, guint32 flags, const TaskOwner *who, VolumeDone done,
              gpointer user)
{
    g_autoptr(GError) err = NULL;
    gboolean validate = (flags & VOLUME_VALIDATE) != 0;
    VolumeDef *def = volume_parse(xml, pool->live->type, validate, &err);

    create(pool, def, NULL, NULL, flags, who, err, done, user);
}

void
volume_create_from(Pool *pool, const char *xml, Pool *source_pool, const VolumeDef *source,
                   guint32 flags, const TaskOwner *who, VolumeDone done, gpointer user)
{
    g_autoptr(GError) err = NULL;
    gboolean validate = (flags & VOLUME_VALIDATE) != 0;
    VolumeDef *def = volume_parse_copy(xml, pool->live->type, validate, &err);

    create(pool, def, source_pool, source, flags, who, err, done, user);
}
