import type { ApiErrorAnswer } from './api-error.ts';

/**
 * THE ONE PLACE for what is only remembered of the real cloud and was never checked against it: status codes, codes, small choices.
 * Someone with an account can correct it here; nothing else in the sandbox guesses. What is documented stands where it is used.
 */
export const unverified = {
  signatureMismatchRpc: (stringToSign: string): ApiErrorAnswer => ({
    status: 400,
    code: 'SignatureDoesNotMatch',
    message: `Specified signature is not matched with our calculation. server string to sign is:${stringToSign}`,
  }),
  signatureMismatchAcs3: (stringToSign: string): ApiErrorAnswer => ({
    status: 400,
    code: 'SignatureDoesNotMatch',
    message: `Specified signature does not match our calculation. server StringToSign is [${stringToSign}]`,
  }),
  incompleteSignature: {
    status: 400,
    code: 'IncompleteSignature',
    message: 'The request signature does not conform to Aliyun standards.',
  },
  timestampExpired: {
    status: 400,
    code: 'InvalidTimeStamp.Expired',
    message: 'Specified time stamp or date value is expired.',
  },
  timestampFormat: {
    status: 400,
    code: 'InvalidTimeStamp.Format',
    message: 'Specified time stamp or date value is not well formatted.',
  },
  securityTokenExpired: {
    status: 400,
    code: 'InvalidSecurityToken.Expired',
    message: 'Specified SecurityToken is expired.',
  },
  securityTokenMismatch: {
    status: 400,
    code: 'InvalidSecurityToken.MismatchWithAccessKey',
    message: 'Specified SecurityToken mismatch with the AccessKey.',
  },
  unknownAction: {
    status: 404,
    code: 'InvalidAction.NotFound',
    message: 'Specified api is not found, please check your url and method.',
  },
  unknownVersion: {
    status: 404,
    code: 'InvalidVersion',
    message: 'Specified parameter Version is not valid.',
  },
  unknownRegion: {
    status: 404,
    code: 'InvalidRegionId.NotFound',
    message: 'The specified RegionId does not exist.',
  },
  unknownZone: { status: 404, code: 'InvalidZoneId.NotFound', message: 'The specified zone does not exist.' },
  bodyTooLarge: { status: 413, code: 'RequestEntityTooLarge', message: 'The request body is too large.' },
  malformedIds: {
    status: 400,
    code: 'InvalidInstanceIds.Malformed',
    message: 'The specified InstanceIds are not valid.',
  },
  wrongNextToken: {
    status: 400,
    code: 'InvalidParameter',
    message: 'The specified parameter NextToken is not valid.',
  },
  malformedClientToken: {
    status: 400,
    code: 'InvalidParameter',
    message: 'The specified parameter ClientToken is not valid: at most 64 ASCII characters.',
  },
  tokenMismatch: {
    status: 400,
    code: 'IdempotentParameterMismatch',
    message: 'The specified parameter has changed while using an already used clientToken.',
  },
  tokenInFlight: {
    status: 400,
    code: 'LastTokenProcessing',
    message: 'The last token request is processing.',
  },
  /** A new disk is being made: the instance can be neither started nor given another one. */
  diskBusy: {
    status: 403,
    code: 'IncorrectDiskStatus',
    message: 'The current disk status does not support this operation.',
  },
  dryRunPassed: {
    status: 400,
    code: 'DryRunOperation',
    message: 'Request validation has been passed with DryRun flag set.',
  },
  reservedTagKey: {
    status: 400,
    code: 'InvalidTagKey.Malformed',
    message: 'The specified Tag.n.Key is not valid.',
  },
  tooManyTags: {
    status: 400,
    code: 'NumberExceed.Tags',
    message: 'The maximum number of tags is exceeded.',
  },
  tooManyResources: {
    status: 400,
    code: 'NumberExceed.ResourceIds',
    message: 'The maximum number of resource ids is exceeded.',
  },
  malformedUserData: {
    status: 400,
    code: 'InvalidUserData.Base64FormatInvalid',
    message: 'The specified UserData is not valid base64.',
  },
  unknownInvocation: {
    status: 404,
    code: 'InvalidInvokeId.NotFound',
    message: 'The specified InvokeId does not exist.',
  },
  addressTaken: {
    status: 403,
    code: 'InvalidIPAddress.AlreadyUsed',
    message: 'The specified IP address is already used.',
  },
  unknownBalancer: {
    status: 404,
    code: 'InvalidLoadBalancerId.NotFound',
    message: 'The specified LoadBalancerId does not exist.',
  },
  listenerExists: {
    status: 400,
    code: 'ListenerAlreadyExists',
    message: 'There is already a listener bound to the port on the specified load balancer.',
  },
  unknownListener: {
    status: 404,
    code: 'ListenerNotExist',
    message: 'The specified listener does not exist.',
  },
  /** A backend is to be added that is not Running. */
  backendNotRunning: {
    status: 400,
    code: 'ServerStatusNotSupport',
    message: 'The specified backend server must be running.',
  },
  unknownBackend: {
    status: 404,
    code: 'InvalidServerId.NotFound',
    message: 'The specified ServerId does not exist.',
  },
  noBalancerAddress: {
    status: 400,
    code: 'QuotaExceeded.PrivateIpAddress',
    message: 'Insufficient private ip in the specified vSwitch.',
  },
  /** New connections while no backend is healthy, and those that would go back to the server from which they come. */
  refusedConnectionsAreReset: true,
  /** The first check of a backend decides at once; the thresholds hold from then on. */
  firstCheckDecides: true,
  /** Defaults of a TCP listener's checks, in s and in checks. */
  healthCheck: { interval: 2, timeout: 5, healthyThreshold: 3, unhealthyThreshold: 3 },
  /** A reboot counts as a start: it moves StartTime. */
  rebootMovesStartTime: true,
  /** An account stops its instances in economical mode (and so may lose their stock) unless the call says KeepCharging. */
  economicalByDefault: true,
  /** `InstanceIds=[]` names no instance, rather than all. */
  emptyIdsNameNone: true,
  /** A soft reboot of an operating system that hangs is accepted, and does nothing. */
  softRebootOfHungIsLost: true,
  /** What refuses work on an instance that is locked for an unpaid bill. */
  financialLock: {
    status: 403,
    code: 'InstanceExpiredOrInArrears',
    message: 'The specified operation is denied as your prepay instance is expired or in arrears.',
  },
  /** Deleting an instance that is being released already succeeds, and does nothing. */
  deleteWhileReleasingIsNoError: true,
  /** What a command's result says when the system is up and its agent is not, and when the system is dead. */
  silentAgent: 'ClientNotRunning',
  deadSystem: 'DeliveryTimeout',
  /** How a command ends when its instance goes down under it. */
  interruptedCommand: { status: 'Failed', code: 'ExecutionInterrupted' },
  /** Numbers of a system event's cycle states. */
  cycleCodes: {
    Scheduled: 24,
    Executing: 16,
    Executed: 32,
    Inquiring: 40,
    Canceled: 48,
    Avoided: 64,
    Failed: 80,
  },
  /** Refusals of the metadata service. */
  metadata: { badTtl: 400, forwarded: 403, tokenMissing: 403, tokenWrong: 401 },
  /** Object storage: refusals whose status or code nobody has seen. */
  oss: {
    skewed: {
      status: 403,
      code: 'RequestTimeTooSkewed',
      message: 'The difference between the request time and the current time is too large.',
    },
    badToken: {
      status: 403,
      code: 'InvalidSecurityToken',
      message: 'The security token you provided is invalid.',
    },
    expiredToken: {
      status: 403,
      code: 'SecurityTokenExpired',
      message: 'The security token you provided has expired.',
    },
    expiredUrl: { status: 403, code: 'AccessDenied', message: 'Request has expired.' },
    malformed: {
      status: 403,
      code: 'AccessDenied',
      message: 'The request is not signed in a way that is known here.',
    },
    badRegion: {
      status: 400,
      code: 'InvalidArgument',
      message: 'Invalid signing region in Authorization header.',
    },
    /** Asked at another region's endpoint. Remembered is the message, and that the right endpoint stands in `Endpoint`. */
    otherRegion: {
      status: 403,
      code: 'AccessDenied',
      message:
        'The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.',
    },
    badRange: {
      status: 416,
      code: 'InvalidRange',
      message: 'The requested range cannot be satisfied.',
    },
    throttled: {
      status: 503,
      code: 'QpsLimitExceeded',
      message: 'Please reduce your request rate.',
    },
    badEncryption: {
      status: 400,
      code: 'InvalidEncryptionAlgorithmError',
      message: 'The Encryption request you specified is not valid. Supported value: AES256/KMS.',
    },
    deleteMarkerRead: {
      status: 405,
      code: 'MethodNotAllowed',
      message: 'The specified method is not allowed against this resource: it is a delete marker.',
    },
    /** Versioning and a retention policy exclude each other; how that is refused is remembered. */
    versioningWithWorm: {
      status: 409,
      code: 'InvalidVersioningStatus',
      message: 'Versioning cannot be changed on a bucket with a retention policy.',
    },
    wormWithVersioning: {
      status: 409,
      code: 'InvalidWORMConfiguration',
      message: 'A retention policy cannot be created on a bucket with versioning.',
    },
    /** The `EC` element of refusals. Those that are not here are told without one. */
    errorCodes: {
      NoSuchKey: '0026-00000001',
      NoSuchBucket: '0015-00000101',
      AccessDenied: '0003-00000001',
      SignatureDoesNotMatch: '0002-00000040',
      InvalidAccessKeyId: '0002-00000902',
      RequestTimeTooSkewed: '0002-00000504',
      FileAlreadyExists: '0026-00000101',
      NoSuchUpload: '0042-00000002',
      FileImmutable: '0026-00000251',
    },
  },
} as const;
