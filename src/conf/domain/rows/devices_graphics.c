/* Rows of graphics and video. */
#include "conf/rows.h"

#include <string.h>

/* ---- graphics */

const char *const graphics_types[] = { NULL,    "sdl",          "vnc",  "rdp", "desktop",
                                       "spice", "egl-headless", "dbus", NULL };
static const char *const listen_types[] = { NULL, "none", "address", "network", "socket", NULL };
static const char *const connected_words[] = { NULL, "fail", "disconnect", "keep", NULL };
static const char *const share_policies[] = { NULL, "allow-exclusive", "force-shared", "ignore",
                                              NULL };
static const char *const spice_modes[] = { NULL, "secure", "insecure", "any", NULL };
static const char *const spice_channels[] = { NULL,       "main",     "display", "inputs",
                                              "cursor",   "playback", "record",  "smartcard",
                                              "usbredir", NULL };
static const char *const image_compressions[] = { NULL,  "auto_glz", "auto_lz", "quic",
                                                  "glz", "lz",       "off",     NULL };
static const char *const jpeg_compressions[] = { NULL, "auto", "never", "always", NULL };
static const char *const streaming_modes[] = { NULL, "filter", "all", "off", NULL };
static const char *const spice_mouse_modes[] = { NULL, "server", "client", NULL };

static const Field listen_fields[] = {
    ROW(GraphicsListen, "@type", F_ENUM, type, F_REQUIRED, listen_types,
        "Whether the server listens at an address, at a network's, on a socket, or not at all."),
    WHEN(GraphicsListen, type, BIT(LISTEN_ADDRESS)),
    ROW(GraphicsListen, "@address", F_STRING, address, 0, NULL,
        "Address of the host to listen at."),
    WHEN(GraphicsListen, type, BIT(LISTEN_NETWORK)),
    ROW(GraphicsListen, "@address", F_STRING, address, F_LIVE, NULL,
        "IP address of the host on that network, while the domain runs."),
    ROW(GraphicsListen, "@network", F_STRING, network, F_REQUIRED | F_NONEMPTY, NULL,
        "Name of the virtual network whose address the server listens at."),
    WHEN(GraphicsListen, type, BIT(LISTEN_SOCKET)),
    ROW(GraphicsListen, "@socket", F_STRING, socket, 0, NULL,
        "Path of the UNIX socket that the server listens on."),
    WHEN_END,
    ROW_END
};
const Schema graphics_listen_schema = { "listen", sizeof(GraphicsListen), listen_fields };

static const Field spice_channel_fields[] = { ROW(SpiceChannel, "@name", F_ENUM, name, F_REQUIRED,
                                                  spice_channels, "Name of the SPICE channel."),
                                              ROW(SpiceChannel, "@mode", F_ENUM, mode, F_REQUIRED,
                                                  spice_modes,
                                                  "Whether the channel must be encrypted."),
                                              ROW_END };
static const Schema spice_channel_schema = { "channel", sizeof(SpiceChannel),
                                             spice_channel_fields };

CHOICE(image, "compression", image_compressions, "How SPICE compresses images.");
CHOICE(jpeg, "compression", jpeg_compressions,
       "Whether photographs are compressed with loss: always, never, or on slow links.");
CHOICE(zlib, "compression", jpeg_compressions,
       "Whether images are compressed once more: always, never, or on slow links.");
CHOICE(playback, "compression", on_off, "Whether sound is compressed.");
CHOICE(streaming, "mode", streaming_modes,
       "Which parts of the screen are sent as video: all, none, or those that look like one.");
CHOICE(mouse, "mode", spice_mouse_modes,
       "Whether the viewer (client) or the guest (server) moves the pointer.");
CHOICE(clipboard, "copypaste", yes_no, "Whether the viewer and the guest share a clipboard.");
CHOICE(gl, "enable", yes_no,
       "Whether the screen is rendered by the host's graphics card (OpenGL).");
CHOICE(filetransfer, "enable", yes_no, "Whether the viewer can send files to the guest.");

static const Field spice_fields[] = {
    ROW(SpiceOptions, "channel", F_LIST, channels, 0, &spice_channel_schema,
        "Encryption of one SPICE channel."),
    ROW(SpiceOptions, "image", F_STRUCT, image_compression, 0, &image_schema,
        "How SPICE compresses images."),
    ROW(SpiceOptions, "jpeg", F_STRUCT, jpeg, 0, &jpeg_schema,
        "Whether photographs are compressed with loss on slow links."),
    ROW(SpiceOptions, "zlib", F_STRUCT, zlib, 0, &zlib_schema,
        "Whether images are compressed once more on slow links."),
    ROW(SpiceOptions, "playback", F_STRUCT, playback, 0, &playback_schema,
        "Whether SPICE compresses sound."),
    ROW(SpiceOptions, "streaming", F_STRUCT, streaming, 0, &streaming_schema,
        "Which parts of the screen are sent as video."),
    ROW(SpiceOptions, "mouse", F_STRUCT, mouse, 0, &mouse_schema,
        "Whether the viewer or the guest moves the pointer."),
    ROW(SpiceOptions, "clipboard", F_STRUCT, copypaste, 0, &clipboard_schema,
        "Whether the viewer and the guest share a clipboard."),
    ROW(SpiceOptions, "filetransfer", F_STRUCT, filetransfer, 0, &filetransfer_schema,
        "Whether the viewer can send files to the guest."),
    ROW_END
};

/* A channel is said once, and "any" goes without saying. */
static gboolean
spice_settle(gpointer def, GError **err)
{
    SpiceOptions *s = def;
    int modes[G_N_ELEMENTS(spice_channels)] = { 0 };

    if (s->default_mode == SPICE_ANY)
        s->default_mode = 0;
    if (!s->channels)
        return TRUE;
    for (guint i = 0; i < s->channels->len; i++) {
        SpiceChannel *c = s->channels->pdata[i];

        modes[c->name] = c->mode;
        schema_free(&spice_channel_schema, c);
    }
    g_clear_pointer(&s->channels, g_ptr_array_unref);
    for (guint name = 1; name < G_N_ELEMENTS(modes); name++) {
        SpiceChannel *c;

        if (modes[name] == 0 || modes[name] == SPICE_ANY)
            continue;
        c = schema_new(&spice_channel_schema);
        *c = (SpiceChannel){ name, modes[name] };
        if (!s->channels)
            s->channels = g_ptr_array_new();
        g_ptr_array_add(s->channels, c);
    }
    return TRUE;
}

static const Schema spice_schema = { "graphics", sizeof(SpiceOptions), spice_fields, spice_settle };

#define NETWORKED (BIT(GRAPHICS_VNC) | BIT(GRAPHICS_SPICE) | BIT(GRAPHICS_RDP))
#define WITH_GL   (BIT(GRAPHICS_SDL) | BIT(GRAPHICS_SPICE) | BIT(GRAPHICS_DBUS))

/* Other words mean nothing, for the sake of old documents. */
static gboolean
loose_parse(const Field *f, const char *text, gpointer at, GError **err)
{
    *(int *)at = word_find(yes_no, text);
    return TRUE;
}

static void
loose_format(const Field *f, gconstpointer at, GString *out)
{
    g_string_append(out, word_of(yes_no, *(const int *)at));
}

const FieldType loose_yes_no = { "yes or no", NULL, sizeof(int), loose_parse, loose_format };

/* That the document is of something that runs: what was chosen at start is kept. */
static gboolean
mark_parse(const Field *f, const char *text, gpointer at, GError **err)
{
    *(gboolean *)at = TRUE;
    return TRUE;
}

static const FieldType live_mark = { "mark", NULL, sizeof(gboolean), mark_parse };

static const Field graphics_fields[] = {
    ROW(GraphicsDef, "@type", F_ENUM, type, F_REQUIRED, graphics_types,
        "Protocol or window that shows the guest's screen."),
    WHEN(GraphicsDef, type, BIT(GRAPHICS_VNC) | BIT(GRAPHICS_RDP)),
    ROW_HAS(GraphicsDef, "@port", F_I32, port, F_ERR(ERR_PLAIN), NULL,
            "Port of the server; -1: a free one is chosen at each start."),
    WHEN(GraphicsDef, type, BIT(GRAPHICS_SPICE)),
    ROW_HAS(GraphicsDef, "@port", F_I32, port, 0, NULL,
            "Port of the server; -1: a free one is chosen at each start."),
    ROW_HAS(GraphicsDef, "@tlsPort", F_I32, tls_port, 0, NULL,
            "Port of the server for TLS; -1: a free one is chosen at each start."),
    ROW(GraphicsDef, "@autoport", F_ENUM, autoport, 0, yes_no,
        "Whether a free port is chosen at each start."),
    WHEN(GraphicsDef, type, BIT(GRAPHICS_VNC) | BIT(GRAPHICS_RDP)),
    ROW(GraphicsDef, "@autoport", F_OWN, autoport, 0, &loose_yes_no,
        "Whether a free port is chosen at each start."),
    WHEN(GraphicsDef, type, BIT(GRAPHICS_VNC)),
    ROW_HAS(GraphicsDef, "@websocket", F_I32, websocket, 0, NULL,
            "Port for WebSockets; -1: a free one is chosen at each start."),
    ROW(GraphicsDef, "@socket", F_STRING, socket, 0, NULL,
        "Path of the UNIX socket that the server listens on; an older form of listen."),
    WHEN(GraphicsDef, type, BIT(GRAPHICS_RDP)),
    ROW(GraphicsDef, "@replaceUser", F_ENUM, replace_user, 0, yes_no,
        "Whether a second viewer takes the place of the first."),
    ROW(GraphicsDef, "@multiUser", F_ENUM, multi_user, 0, yes_no,
        "Whether several viewers can be connected at a time."),
    WHEN(GraphicsDef, type, NETWORKED),
    ROW(GraphicsDef, "@listen", F_STRING, listen, 0, NULL,
        "Address of the first listen element that has one."),
    WHEN(GraphicsDef, type, BIT(GRAPHICS_VNC) | BIT(GRAPHICS_SPICE)),
    ROW(GraphicsDef, "@keymap", F_STRING, keymap, 0, NULL,
        "Layout of the viewer's keyboard, such as de or en-us."),
    WHEN(GraphicsDef, type, BIT(GRAPHICS_SPICE)),
    ROW(GraphicsDef, "@defaultMode", F_ENUM, spice.default_mode, 0, spice_modes,
        "Whether channels that are not named must be encrypted."),
    WHEN(GraphicsDef, type, BIT(GRAPHICS_VNC)),
    ROW(GraphicsDef, "@sharePolicy", F_ENUM, share_policy, 0, share_policies,
        "What happens with a first viewer when a second one connects."),
    ROW(GraphicsDef, "@powerControl", F_ENUM, power_control, 0, yes_no,
        "Whether viewers can power the guest off."),
    WHEN(GraphicsDef, type, BIT(GRAPHICS_RDP)),
    ROW(GraphicsDef, "@username", F_STRING, username, 0, NULL, "Name of the user to log in as."),
    WHEN(GraphicsDef, type, NETWORKED),
    ROW(GraphicsDef, "@passwd", F_STRING, passwd, F_SECRET, NULL,
        "Password that viewers must know; an empty one lets nobody in."),
    WHEN(GraphicsDef, type, BIT(GRAPHICS_VNC) | BIT(GRAPHICS_SPICE)),
    ROW(GraphicsDef, "@passwdValidTo", F_STRING, passwd_valid_to, 0, NULL,
        "Time until which the password is valid, in UTC, such as 2030-12-31T23:59:59."),
    ROW(GraphicsDef, "@connected", F_ENUM, connected, UNSUPPORTED, connected_words,
        "What happens with connected viewers when the password changes."),
    WHEN(GraphicsDef, type, BIT(GRAPHICS_SDL) | BIT(GRAPHICS_DESKTOP)),
    ROW(GraphicsDef, "@display", F_STRING, display, 0, NULL,
        "X display that the window is shown on, such as :0.0."),
    ROW(GraphicsDef, "@fullscreen", F_ENUM, fullscreen, 0, yes_no,
        "Whether the window takes the whole screen."),
    WHEN(GraphicsDef, type, BIT(GRAPHICS_SDL)),
    ROW(GraphicsDef, "@xauth", F_STRING, xauth, 0, NULL,
        "Path of the file with the X authority (cookie)."),
    WHEN(GraphicsDef, type, BIT(GRAPHICS_DBUS)),
    ROW(GraphicsDef, "@address", F_STRING, dbus_address, 0, NULL,
        "Address of the D-Bus bus that QEMU connects to."),
    ROW(GraphicsDef, "@p2p", F_ENUM, p2p, 0, yes_no,
        "Whether viewers connect directly to QEMU, without a D-Bus bus."),
    WHEN(GraphicsDef, type, NETWORKED),
    ROW(GraphicsDef, "listen", F_LIST, listens, 0, &graphics_listen_schema,
        "Address, network or socket that the server listens at."),
    ROW(GraphicsDef, "listen/@type", F_OWN, is_live, F_LIVE | F_READ, &live_mark, NULL),
    WHEN(GraphicsDef, type, BIT(GRAPHICS_SPICE)),
    ROW(GraphicsDef, "", F_STRUCT, spice, 0, &spice_schema, NULL),
    WHEN(GraphicsDef, type, WITH_GL),
    ROW(GraphicsDef, "gl", F_STRUCT, gl, 0, &gl_schema,
        "Whether the screen is rendered by the host's graphics card."),
    WHEN(GraphicsDef, type, (WITH_GL & ~BIT(GRAPHICS_SDL)) | BIT(GRAPHICS_EGL_HEADLESS)),
    ROW(GraphicsDef, "gl/@rendernode", F_STRING, rendernode, 0, NULL,
        "Path of the host's DRM device that renders, such as /dev/dri/renderD128."),
    WHEN(GraphicsDef, type, BIT(GRAPHICS_VNC) | BIT(GRAPHICS_DBUS)),
    ROW(GraphicsDef, "audio", F_STRUCT, audio_id, 0, &audio_ref_schema,
        "Audio backend whose sound viewers hear."),
    WHEN_END,
    ROW_END
};

static GraphicsListen *
listen_first(const GraphicsDef *g)
{
    return g->listens ? g->listens->pdata[0] : NULL;
}

static GraphicsListen *
listen_first_need(GraphicsDef *g, int type)
{
    if (!g->listens) {
        GraphicsListen *first = schema_new(&graphics_listen_schema);

        first->type = type;
        g->listens = g_ptr_array_new();
        g_ptr_array_add(g->listens, first);
    }
    return listen_first(g);
}

static void
listen_become(GraphicsListen *l, int type)
{
    schema_done(&graphics_listen_schema, l);
    *l = (GraphicsListen){ .type = type };
}

/* The attribute of <graphics> and that of the first <listen> say the same, either may be absent. */
static gboolean
settle_twin(const char *name, const char *said, char **at, GError **err)
{
    if (said && *at && strcmp(said, *at) != 0)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "attribute '%s' of 'graphics' is '%s', the first 'listen' says '%s'", name,
                    said, *at);
    if (said && !*at)
        *at = g_strdup(said);
    return TRUE;
}

/* A socket that a daemon made for one run is not part of a definition. */
static void
forget_generated(char **path)
{
    if (*path && path_is_of_a_run(*path))
        g_clear_pointer(path, g_free);
}

static gboolean
settle_listens(GraphicsDef *g, GError **err)
{
    GraphicsListen *first = listen_first_need(g, g->socket ? LISTEN_SOCKET : LISTEN_ADDRESS);

    if (g->socket && first->type != LISTEN_SOCKET && first->type != LISTEN_NONE)
        listen_become(first, LISTEN_SOCKET);
    if (first->type == LISTEN_SOCKET) {
        if (!settle_twin("socket", g->socket, &first->socket, err))
            return FALSE;
    }
    if (first->type == LISTEN_ADDRESS && !settle_twin("listen", g->listen, &first->address, err))
        return FALSE;
    for (guint i = 0; i < g->listens->len; i++) {
        GraphicsListen *l = g->listens->pdata[i];

        if (l->address && !*l->address)
            g_clear_pointer(&l->address, g_free);
        if (l->socket && !*l->socket && !(i == 0 && g->socket))
            g_clear_pointer(&l->socket, g_free);
    }
    return TRUE;
}

/* Says again what the first listen is. */
static void
echo_listen(GraphicsDef *g)
{
    const GraphicsListen *first = listen_first(g);

    g_clear_pointer(&g->listen, g_free);
    g_clear_pointer(&g->socket, g_free);
    if (first->type == LISTEN_ADDRESS)
        g->listen = g_strdup(first->address);
    if (first->type == LISTEN_SOCKET && g->type == GRAPHICS_VNC)
        g->socket = g_strdup(first->socket);
}

static void
forget_ports(GraphicsDef *g)
{
    g->port = g->tls_port = g->websocket = 0;
    g->has_port = g->has_tls_port = g->has_websocket = 0;
    g->autoport = 0;
}

static void
settle_vnc_ports(GraphicsDef *g)
{
    if (g->autoport == YES || (g->autoport != NO && (!g->has_port || g->port == -1))) {
        g->autoport = YES;
        g->port = -1;
        g->has_port = 1;
    } else {
        g->autoport = NO;
        g->has_port = g->port != 0 && g->port != -1;
    }
    g->has_websocket &= g->websocket != 0;
}

/* Without any port it is served over descriptors that a client hands in. */
static void
settle_spice_ports(GraphicsDef *g)
{
    if (g->autoport == YES || (g->port == -1 && g->tls_port == -1)) {
        forget_ports(g);
        g->autoport = YES;
    } else if (g->port == 0 && g->tls_port == 0) {
        forget_ports(g);
        listen_become(listen_first(g), LISTEN_NONE);
    } else {
        g->autoport = NO;
        g->has_port = g->port != 0;
        g->has_tls_port = g->tls_port != 0;
    }
}

static void
settle_rdp_ports(GraphicsDef *g)
{
    gboolean none = g->autoport == NO && g->has_port && g->port == 0;

    g->autoport = !none && (g->autoport == YES || g->port <= 0) ? YES : 0;
    if (g->autoport)
        g->port = 0;
    g->has_port = !none;
}

static void
settle_ports(GraphicsDef *g)
{
    int how = listen_first(g)->type;

    if (how == LISTEN_SOCKET || how == LISTEN_NONE)
        forget_ports(g);
    else if (g->type == GRAPHICS_VNC)
        settle_vnc_ports(g);
    else if (g->type == GRAPHICS_SPICE)
        settle_spice_ports(g);
    else
        settle_rdp_ports(g);
}

static gboolean
settle_password(GraphicsDef *g, GError **err)
{
    g_autofree char *utc = NULL;
    g_autoptr(GDateTime) end = NULL;

    if (!g->passwd) {
        g_clear_pointer(&g->username, g_free);
        g_clear_pointer(&g->passwd_valid_to, g_free);
        g->connected = 0;
    }
    if (!g->passwd_valid_to)
        return TRUE;
    utc = g_strconcat(g->passwd_valid_to, "Z", NULL);
    end = g_date_time_new_from_iso8601(utc, NULL);
    return end ||
           fail(err, ERR_PLAIN, "'%s' is no time for 'passwdValidTo', expected YYYY-MM-DDTHH:MM:SS",
                g->passwd_valid_to);
}

static gboolean
graphics_settle(gpointer def, GError **err)
{
    GraphicsDef *g = def;

    if (g->fullscreen == NO)
        g->fullscreen = 0;
    if (g->p2p == NO)
        g->p2p = 0;
    if (g->p2p && g->dbus_address)
        return fail(err, ERR_XML, "graphics 'dbus' cannot have both 'p2p' and an 'address'");
    if (g->multi_user == NO)
        g->multi_user = 0;
    if (g->replace_user == NO)
        g->replace_user = 0;
    if (!(NETWORKED & BIT(g->type)) || g->is_live)
        return TRUE;
    forget_generated(&g->socket);
    for (guint i = 0; g->listens && i < g->listens->len; i++)
        forget_generated(&((GraphicsListen *)g->listens->pdata[i])->socket);
    if (!settle_listens(g, err) || !settle_password(g, err))
        return FALSE;
    settle_ports(g);
    echo_listen(g);
    return TRUE;
}

const Schema graphics_schema = { "graphics", sizeof(GraphicsDef), graphics_fields,
                                 graphics_settle };

/* ---- video */

const char *const video_types[] = { NULL,   "vga",   "cirrus",    "vmvga",  "xen",
                                    "vbox", "qxl",   "parallels", "virtio", "gop",
                                    "none", "bochs", "ramfb",     NULL };
static const char *const vgaconfs[] = { NULL, "io", "on", "off", NULL };
static const char *const video_drivers[] = { NULL, "qemu", "vhostuser", NULL };

typedef struct Resolution {
    guint32 x, y;
} Resolution;
G_STATIC_ASSERT(G_STRUCT_OFFSET(VideoDef, res_y) - G_STRUCT_OFFSET(VideoDef, res_x) ==
                G_STRUCT_OFFSET(Resolution, y));

static const Field resolution_fields[] = {
    ROW(Resolution, "@x", F_U32, x, F_REQUIRED, NULL, "Width of the screen, in pixels."),
    ROW(Resolution, "@y", F_U32, y, F_REQUIRED, NULL, "Height of the screen, in pixels."), ROW_END
};

static gboolean
resolution_settle(gpointer def, GError **err)
{
    const Resolution *r = def;

    return (r->x && r->y) ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "'resolution' of a video device has a side of 0");
}

static const Schema resolution_schema = { "resolution", sizeof(Resolution), resolution_fields,
                                          resolution_settle };

static const Field video_fields[] = {
    ROW(VideoDef, "driver/@name", F_ENUM, driver_name, 0, video_drivers,
        "Whether QEMU itself or a vhost-user process renders."),
    ROW(VideoDef, "driver/@vgaconf", F_ENUM, vgaconf, 0, vgaconfs,
        "Whether the card's VGA mode is on; only bhyve has it."),
    VIRTIO(VideoDef),
    ROW(VideoDef, "model/@type", F_ENUM, type, F_DEFAULT, video_types,
        "Model of the video card that the guest sees."),
    ROW(VideoDef, "model/@ram", F_U32, ram, 0, NULL,
        "Size of the first memory bar of a QXL card, in KiB."),
    ROW(VideoDef, "model/@vram", F_U32, vram, 0, NULL, "Size of the video memory, in KiB."),
    ROW(VideoDef, "model/@vram64", F_U32, vram64, 0, NULL,
        "Size of the 64-bit memory bar of a QXL card, in KiB."),
    ROW(VideoDef, "model/@vgamem", F_U32, vgamem, 0, NULL,
        "Size of the framebuffer of a QXL card, in KiB."),
    ROW_HAS(VideoDef, "model/@heads", F_U32, heads, F_READ, NULL, NULL),
    ROW(VideoDef, "model/@heads", F_U32, heads, F_WRITE, NULL,
        "Number of screens; 0: the card's usual number."),
    ROW(VideoDef, "model/@primary", F_OWN, primary, 0, &loose_yes_no,
        "Whether the card is the one that the firmware shows its output on."),
    ROW(VideoDef, "model/@blob", F_ENUM, blob, 0, on_off,
        "Whether the guest can share its buffers with the host."),
    ROW(VideoDef, "model/acceleration/@accel2d", F_ENUM, accel2d, 0, yes_no,
        "Whether drawing is accelerated."),
    ROW(VideoDef, "model/acceleration/@accel3d", F_ENUM, accel3d, 0, yes_no,
        "Whether 3D is rendered by the host's graphics card."),
    ROW(VideoDef, "model/acceleration/@rendernode", F_STRING, rendernode, 0, NULL,
        "Path of the host's DRM device that renders."),
    ROW(VideoDef, "model/resolution", F_STRUCT, res_x, 0, &resolution_schema,
        "Resolution that the guest begins with."),
    INFO(VideoDef),
    ROW_END
};

static gboolean
is_power_of_two(guint32 n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

static gboolean
video_settle(gpointer def, GError **err)
{
    VideoDef *v = def;

    if (v->vgaconf == VGACONF_IO)
        v->vgaconf = 0;
    while (v->vram && v->vram < 1u << 31 && !is_power_of_two(v->vram))
        v->vram += v->vram & -v->vram;
    return TRUE;
}

const Schema video_schema = { "video", sizeof(VideoDef), video_fields, video_settle };
