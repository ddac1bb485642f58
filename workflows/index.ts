export { refundRequest as refund_request } from './refund-request.ts'
