package main

import (
	"context"

	"github.com/gravitational/teleport/api/client"
	devicepb "github.com/gravitational/teleport/api/gen/proto/go/teleport/devicetrust/v1"
	"github.com/gravitational/trace/trail"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
)

const deviceService = "teleport.devicetrust.v1.DeviceTrustService/"

func linuxDevice(tag string) *devicepb.Device {
	return &devicepb.Device{ApiVersion: "v1", OsType: devicepb.OSType_OS_TYPE_LINUX, AssetTag: tag}
}

// checkInventory creates, finds, lists, changes and deletes devices.
func checkInventory(ctx context.Context, t *table, clt *client.Client) {
	devices := clt.DevicesClient()
	var stored *devicepb.Device
	t.check(deviceService+"CreateDevice", func() (err error) {
		request := &devicepb.CreateDeviceRequest{Device: linuxDevice("INTEROP1"), CreateEnrollToken: true}
		if stored, err = devices.CreateDevice(ctx, request); err != nil {
			return err
		}
		if err := expect(stored.Id != "" && stored.EnrollToken.GetToken() != "", "%v", stored); err != nil {
			return err
		}
		_, err = devices.CreateDevice(ctx, request)
		return alreadyExists(trail.FromGRPC(err))
	})
	t.check(deviceService+"FindDevices", func() error {
		for _, word := range []string{"INTEROP1", stored.GetId()} {
			found, err := devices.FindDevices(ctx, &devicepb.FindDevicesRequest{IdOrTag: word})
			if err != nil {
				return err
			}
			if err := expect(len(found.Devices) == 1, "%d devices", len(found.Devices)); err != nil {
				return err
			}
		}
		return nil
	})
	t.check(deviceService+"GetDevice", func() error {
		if _, err := devices.GetDevice(ctx, &devicepb.GetDeviceRequest{DeviceId: stored.GetId()}); err != nil {
			return err
		}
		_, err := devices.GetDevice(ctx, &devicepb.GetDeviceRequest{DeviceId: "nope"})
		return notFound(trail.FromGRPC(err))
	})
	t.check(deviceService+"UpdateDevice", func() error {
		change := &devicepb.Device{Id: stored.GetId(), Owner: "interop-owner"}
		mask := &fieldmaskpb.FieldMask{Paths: []string{"owner"}}
		changed, err := devices.UpdateDevice(ctx, &devicepb.UpdateDeviceRequest{Device: change, UpdateMask: mask})
		if err != nil {
			return err
		}
		return expect(changed.Owner == "interop-owner" && changed.AssetTag == "INTEROP1", "%v", changed)
	})
	t.check(deviceService+"UpsertDevice", func() error {
		made, err := devices.UpsertDevice(ctx, &devicepb.UpsertDeviceRequest{Device: linuxDevice("INTEROP2")})
		if err != nil {
			return err
		}
		made.Profile = &devicepb.DeviceProfile{OsVersion: "12"}
		again, err := devices.UpsertDevice(ctx, &devicepb.UpsertDeviceRequest{Device: made, CreateAsResource: true})
		if err != nil {
			return err
		}
		return expect(again.Id == made.Id && again.Profile.GetOsVersion() == "12", "%v", again)
	})
	t.check(deviceService+"BulkCreateDevices", func() error {
		batch := []*devicepb.Device{linuxDevice("INTEROP3"), linuxDevice("INTEROP4"), linuxDevice("INTEROP1")}
		answer, err := devices.BulkCreateDevices(ctx, &devicepb.BulkCreateDevicesRequest{Devices: batch})
		if err != nil {
			return err
		}
		codes := []int32{}
		for _, made := range answer.Devices {
			codes = append(codes, made.GetStatus().GetCode())
		}
		// The last one exists already: AlreadyExists is 6.
		return expect(len(codes) == 3 && codes[0] == 0 && codes[1] == 0 && codes[2] == 6, "codes %v", codes)
	})
	t.check(deviceService+"ListDevices page by page, in both views", func() error {
		for _, view := range []devicepb.DeviceView{devicepb.DeviceView_DEVICE_VIEW_LIST, devicepb.DeviceView_DEVICE_VIEW_RESOURCE} {
			count, token := 0, ""
			for {
				page, err := devices.ListDevices(ctx, &devicepb.ListDevicesRequest{PageSize: 2, PageToken: token, View: view})
				if err != nil {
					return err
				}
				count += len(page.Devices)
				if token = page.NextPageToken; token == "" {
					break
				}
			}
			if err := expect(count >= 4, "%d devices", count); err != nil {
				return err
			}
		}
		return nil
	})
	t.check(deviceService+"ListDevicesByUser", func() error {
		_, err := devices.ListDevicesByUser(ctx, &devicepb.ListDevicesByUserRequest{})
		return err
	})
	t.check(deviceService+"CreateDeviceEnrollToken", func() error {
		token, err := devices.CreateDeviceEnrollToken(ctx, &devicepb.CreateDeviceEnrollTokenRequest{DeviceId: stored.GetId()})
		if err != nil {
			return err
		}
		return expect(token.Token != "" && token.ExpireTime != nil, "%v", token)
	})
	t.check(deviceService+"GetDevicesUsage", func() error {
		_, err := devices.GetDevicesUsage(ctx, &devicepb.GetDevicesUsageRequest{})
		return err
	})
	t.check(deviceService+"DeleteDevice", func() error {
		if _, err := devices.DeleteDevice(ctx, &devicepb.DeleteDeviceRequest{DeviceId: stored.GetId()}); err != nil {
			return err
		}
		_, err := devices.DeleteDevice(ctx, &devicepb.DeleteDeviceRequest{DeviceId: stored.GetId()})
		return notFound(trail.FromGRPC(err))
	})
}
