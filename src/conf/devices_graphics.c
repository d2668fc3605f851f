/* Rows of graphics and video. */
#include "conf.h"

#include <string.h>

#define UNSUPPORTED F_ERR(ERR_CONFIG_UNSUPPORTED)

#define INFO(type)   ROW(type, "", F_STRUCT, info, 0, &device_info_schema, NULL)
#define VIRTIO(type) ROW(type, "", F_STRUCT, virtio, 0, &virtio_options_schema, NULL)

/* ---- graphics */

static const char *const graphics_types[] = { NULL,    "sdl",          "vnc",  "rdp", "desktop",
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
    ROW(GraphicsListen, "@type", F_ENUM, type, F_REQUIRED, listen_types, "Kind of listen."),
    ROW(GraphicsListen, "@address", F_STRING, address, F_NONEMPTY, NULL, "Address."),
    ROW(GraphicsListen, "@network", F_STRING, network, F_NONEMPTY, NULL, "Network to take it of."),
    ROW(GraphicsListen, "@socket", F_STRING, socket, F_NONEMPTY, NULL, "Path of a socket."), ROW_END
};
const Schema graphics_listen_schema = { "listen", sizeof(GraphicsListen), listen_fields };

static const Field spice_channel_fields[] = {
    ROW(SpiceChannel, "@name", F_ENUM, name, F_REQUIRED, spice_channels, "Channel."),
    ROW(SpiceChannel, "@mode", F_ENUM, mode, F_REQUIRED, spice_modes, "Its security."), ROW_END
};
static const Schema spice_channel_schema = { "channel", sizeof(SpiceChannel),
                                             spice_channel_fields };

static const Field spice_fields[] = {
    ROW(SpiceOptions, "@defaultMode", F_ENUM, default_mode, 0, spice_modes, "Of all channels."),
    ROW(SpiceOptions, "channel", F_LIST, channels, 0, &spice_channel_schema, "Of one channel."),
    ROW(SpiceOptions, "image/@compression", F_ENUM, image_compression, 0, image_compressions,
        "Of images."),
    ROW(SpiceOptions, "jpeg/@compression", F_ENUM, jpeg, 0, jpeg_compressions, "Of photographs."),
    ROW(SpiceOptions, "zlib/@compression", F_ENUM, zlib, 0, jpeg_compressions, "Over slow links."),
    ROW(SpiceOptions, "playback/@compression", F_ENUM, playback, 0, on_off, "Of sound."),
    ROW(SpiceOptions, "streaming/@mode", F_ENUM, streaming, 0, streaming_modes, "Of video."),
    ROW(SpiceOptions, "clipboard/@copypaste", F_ENUM, copypaste, 0, yes_no, "Share the clipboard."),
    ROW(SpiceOptions, "mouse/@mode", F_ENUM, mouse, 0, spice_mouse_modes, "Who moves the pointer."),
    ROW(SpiceOptions, "filetransfer/@enable", F_ENUM, filetransfer, 0, yes_no, "Drag and drop."),
    ROW_END
};
static const Schema spice_schema = { "graphics", sizeof(SpiceOptions), spice_fields };

#define NETWORKED (BIT(GRAPHICS_VNC) | BIT(GRAPHICS_SPICE) | BIT(GRAPHICS_RDP))

static const Field graphics_fields[] = {
    ROW(GraphicsDef, "@type", F_ENUM, type, F_REQUIRED | UNSUPPORTED, graphics_types, "Protocol."),
    WHEN(GraphicsDef, type, NETWORKED),
    ROW_HAS(GraphicsDef, "@port", F_I32, port, F_ERR(ERR_INTERNAL), NULL, "Port; -1: any."),
    WHEN(GraphicsDef, type, BIT(GRAPHICS_SPICE)),
    ROW_HAS(GraphicsDef, "@tlsPort", F_I32, tls_port, F_ERR(ERR_INTERNAL), NULL, "Port of TLS."),
    WHEN(GraphicsDef, type, NETWORKED),
    ROW(GraphicsDef, "@autoport", F_ENUM, autoport, 0, yes_no, "Pick a port at start."),
    WHEN(GraphicsDef, type, BIT(GRAPHICS_VNC)),
    ROW_HAS(GraphicsDef, "@websocket", F_I32, websocket, F_ERR(ERR_INTERNAL), NULL,
            "Port of WebSockets; -1: any."),
    ROW(GraphicsDef, "@socket", F_STRING, socket, F_NONEMPTY, NULL, "Path of a socket."),
    WHEN(GraphicsDef, type, NETWORKED),
    ROW(GraphicsDef, "@listen", F_STRING, listen, F_NONEMPTY, NULL, "Address of the first listen."),
    WHEN(GraphicsDef, type, BIT(GRAPHICS_RDP)),
    ROW(GraphicsDef, "@replaceUser", F_ENUM, replace_user, 0, yes_no, "A second one takes over."),
    ROW(GraphicsDef, "@multiUser", F_ENUM, multi_user, 0, yes_no, "Several at a time."),
    WHEN(GraphicsDef, type, NETWORKED),
    ROW(GraphicsDef, "@keymap", F_STRING, keymap, 0, NULL, "Keyboard layout."),
    ROW(GraphicsDef, "@sharePolicy", F_ENUM, share_policy, 0, share_policies, "Of VNC."),
    ROW(GraphicsDef, "@powerControl", F_ENUM, power_control, 0, yes_no, "Viewers may power off."),
    ROW(GraphicsDef, "@username", F_STRING, username, 0, NULL, "User of RDP."),
    ROW(GraphicsDef, "@passwd", F_STRING, passwd, F_SECRET, NULL, "Password."),
    ROW(GraphicsDef, "@passwdValidTo", F_STRING, passwd_valid_to, F_SECRET, NULL, "Its end."),
    ROW(GraphicsDef, "@connected", F_ENUM, connected, 0, connected_words,
        "What a new password does to who is connected."),
    WHEN(GraphicsDef, type, BIT(GRAPHICS_SDL) | BIT(GRAPHICS_DESKTOP)),
    ROW(GraphicsDef, "@display", F_STRING, display, 0, NULL, "X display."),
    ROW(GraphicsDef, "@xauth", F_STRING, xauth, 0, NULL, "X authority."),
    ROW(GraphicsDef, "@fullscreen", F_ENUM, fullscreen, 0, yes_no, "Whole screen."),
    WHEN(GraphicsDef, type, BIT(GRAPHICS_DBUS)),
    ROW(GraphicsDef, "@address", F_STRING, dbus_address, 0, NULL, "Address of the bus."),
    ROW(GraphicsDef, "@p2p", F_ENUM, p2p, 0, yes_no, "Peer to peer."),
    WHEN(GraphicsDef, type, BIT(GRAPHICS_SPICE)),
    ROW(GraphicsDef, "", F_PTR, spice, 0, &spice_schema, NULL),
    WHEN(GraphicsDef, type, NETWORKED),
    ROW(GraphicsDef, "listen", F_LIST, listens, 0, &graphics_listen_schema, "Where to listen."),
    WHEN_END,
    ROW(GraphicsDef, "gl/@enable", F_ENUM, gl, 0, yes_no, "OpenGL."),
    ROW(GraphicsDef, "gl/@rendernode", F_STRING, rendernode, 0, NULL, "DRM device to render on."),
    ROW(GraphicsDef, "audio/@id", F_U32, audio_id, 0, RANGE(1, G_MAXUINT32), "Audio backend."),
    ROW_END
};
const Schema graphics_schema = { "graphics", sizeof(GraphicsDef), graphics_fields };

/* ---- video */

const char *const video_types[] = { NULL,   "vga",   "cirrus",    "vmvga",  "xen",
                                    "vbox", "qxl",   "parallels", "virtio", "gop",
                                    "none", "bochs", "ramfb",     NULL };
static const char *const vgaconfs[] = { NULL, "io", "on", "off", NULL };
static const char *const video_drivers[] = { NULL, "qemu", "vhostuser", NULL };

static const Field video_fields[] = {
    ROW(VideoDef, "driver/@name", F_ENUM, driver_name, 0, video_drivers, "Who renders."),
    ROW(VideoDef, "driver/@vgaconf", F_ENUM, vgaconf, 0, vgaconfs, "VGA legacy mode."),
    VIRTIO(VideoDef),
    ROW(VideoDef, "model/@type", F_ENUM, type, UNSUPPORTED | F_DEFAULT, video_types, "Model."),
    ROW(VideoDef, "model/@ram", F_U32, ram, 0, NULL, "KiB of the first bar."),
    ROW(VideoDef, "model/@vram", F_U32, vram, 0, NULL, "KiB of video memory."),
    ROW(VideoDef, "model/@vram64", F_U32, vram64, 0, NULL, "KiB of the 64 bit bar."),
    ROW(VideoDef, "model/@vgamem", F_U32, vgamem, 0, NULL, "KiB of the framebuffer."),
    ROW(VideoDef, "model/@heads", F_U32, heads, 0, NULL, "Screens."),
    ROW(VideoDef, "model/@primary", F_ENUM, primary, 0, yes_no, "The first screen."),
    ROW(VideoDef, "model/@blob", F_ENUM, blob, 0, on_off, "Blob resources."),
    ROW(VideoDef, "model/@edid", F_ENUM, edid, 0, on_off, "EDID."),
    ROW(VideoDef, "model/acceleration/@accel2d", F_ENUM, accel2d, 0, yes_no, "2D acceleration."),
    ROW(VideoDef, "model/acceleration/@accel3d", F_ENUM, accel3d, 0, yes_no, "3D acceleration."),
    ROW(VideoDef, "model/acceleration/@rendernode", F_STRING, rendernode, 0, NULL, "DRM device."),
    ROW(VideoDef, "model/resolution/@x", F_U32, res_x, 0, RANGE(1, G_MAXUINT32), "Pixels."),
    ROW(VideoDef, "model/resolution/@y", F_U32, res_y, 0, RANGE(1, G_MAXUINT32), "Pixels."),
    INFO(VideoDef),
    ROW_END
};
const Schema video_schema = { "video", sizeof(VideoDef), video_fields };
